# Raw data in one canonical form: data/raw/NAME.npz with x_train, y_train, x_test, y_test.
rule data:
    input:
        own=own_file,
    output:
        "data/raw/{name}.npz",
    log:
        "logs/data/{name}.log",
    wildcard_constraints:
        name="[A-Za-z0-9_-]+",
    localrule: True
    conda:
        "../envs/balent.yaml"
    resources:
        **needs(lambda w: JOBS.data(w.name)),
    params:
        own=lambda w: json.dumps(RUNTIME["data_sets"].get(w.name)),
        folder=own_folder,
        code=code("scripts/fetch_data.py"),
    shell:
        "python scripts/fetch_data.py --name {wildcards.name} --own {params.own:q} "
        "--out {output} 2> {log} "
        "|| {{ tail -n 5 {log} >&2; exit 1; }}"


rule weights:
    output:
        "data/raw/weights/{name}.safetensors",
    log:
        "logs/data/weights_{name}.log",
    wildcard_constraints:
        name="resnet18|resnet50",
    localrule: True
    conda:
        "../envs/balent.yaml"
    resources:
        **needs(lambda w: JOBS.weights(w.name)),
    params:
        code=code("scripts/fetch_weights.py"),
    shell:
        "python scripts/fetch_weights.py --name {wildcards.name} --out {output} 2> {log} "
        "|| {{ tail -n 5 {log} >&2; exit 1; }}"
