# Bayesian active learning as one dependency graph: data -> features -> rounds -> histories -> reports.
# Usage: snakemake --cores all reports/table1.csv    (README.md; config.yaml says what is built)
from snakemake.utils import min_version

min_version("9.27")


configfile: "config.yaml"


include: "rules/common.smk"
include: "rules/data.smk"
include: "rules/features.smk"
include: "rules/rounds.smk"
include: "rules/blocks.smk"
include: "rules/studies_common.smk"
include: "rules/studies.smk"
include: "rules/reports_common.smk"
include: "rules/reports.smk"
include: "rules/provenance.smk"


rule all:
    default_target: True
    input:
        report_outputs(kinds.of_target(S.reports)),


rule extra:
    input:
        report_outputs(kinds.of_target(S.reports, extra=True)),


rule tables:
    input:
        [path for path in report_outputs(kinds.of_target(S.reports)) if kinds.is_table(path)],


rule results:
    input:
        all_histories(),
        study_results(),


onstart:
    if workflow.local_exec:
        forkserver.start()
    else:
        slurm.replace_idle_sacct(BASE / "profiles/slurm/no_accounting")
    store.begin(versions.facts(BASE, S))


onsuccess:
    store.record()


onerror:
    store.record()
