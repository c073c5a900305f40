# How results came to be: pulled outputs get their records back at start; what DVC's stages ask for.
from balent.provenance import store, versions
from balent.provenance.restore import restore


rule metrics:
    input:
        all_histories(),
    output:
        "reports/metrics.json",
        "reports/curves.csv",
    log:
        f"logs/{S.scale}/reports/metrics.log",
    localrule: True
    conda:
        "../envs/balent.yaml"
    resources:
        mem_mb=2000,
        runtime=30,
    params:
        code=code("scripts/metrics.py"),
        scale=S.scale,
        seeds=S.seeds,
        shown=json.dumps(
            [
                {
                    "scenarios": [name for name in item["scenarios"] if name in S.scenarios],
                    "methods": item["methods"],
                    "not_run": item.get("not_run", {}),
                }
                for item in kinds.of_target(S.reports).values()
                if {"scenarios", "methods"} <= set(item)
            ]
        ),
    shell:
        "python scripts/metrics.py --items {params.shown:q} --seeds {params.seeds} "
        "--results results/{params.scale} --out {output} 2> {log} "
        "|| {{ tail -n 5 {log} >&2; exit 1; }}"


rule features:
    input:
        [
            f"data/features/{S.scale}/{name}/{file}"
            for name in report_probes()
            for file in ("features.npz", "encoder.safetensors", "probe.json")
        ],


# Looking at the rules builds and compares nothing. Last, since all rules must be known.
NO_GRAPH = {"--lint", "--list", "-l", "--list-rules", "--list-target-rules", "--lt"}
NO_GRAPH |= {"--print-compilation", "--unlock"}
OPTIONS = {argument.partition("=")[0] for argument in sys.argv[1:]}

if workflow.is_main_process and OPTIONS & {"--touch", "-t"}:
    raise SystemExit("provenance: --touch would record stale outputs as made now; run without it")

if workflow.is_main_process and not OPTIONS & NO_GRAPH:
    try:
        is_output = lambda path: any(rule.is_producer(path) for rule in workflow.rules)
        for line in restore(versions.state(BASE, S), is_output):
            print(f"provenance: {line}", file=sys.stderr)
    except BalentError as error:
        raise SystemExit(f"provenance: {error}")
