# One rule per report item of the configuration: reports/NAME plus the suffixes of its kind.
for report_name, report_item in S.reports.items():

    rule:
        name:
            "_".join(["report", *Path(report_name).parts])
        input:
            data=report_inputs(report_name),
        output:
            report_files(report_name),
        log:
            f"logs/{S.scale}/reports/{report_name}.log",
        localrule: True
        conda:
            "../envs/balent.yaml"
        resources:
            mem_mb=2000,
            runtime=30,
        params:
            name=report_name,
            context=report_context(report_name),
            code=code("scripts/report.py", kinds.KINDS[report_item["kind"]].source),
        shell:
            "python scripts/report.py --name {params.name} --context {params.context:q} "
            "--out reports/{params.name} 2> {log} "
            "|| {{ tail -n 5 {log} >&2; exit 1; }}"
