# One rule per study of the configuration, which needs no active-learning loop; one that trains a
# scenario's network waits for its data or features.
for study_name, study in S.studies.items():
    study_timed = study["kind"] in study_kinds.TIMED  # has the machine for itself

    rule:
        name:
            f"study_{study_name}"
        input:
            **study_files(study_name),
        output:
            result=f"results/{S.scale}/studies/{study_name}.npz",
            run=f"results/{S.scale}/studies/{study_name}.run.json",
        log:
            f"logs/{S.scale}/studies/{study_name}.log",
        conda:
            "../envs/balent.yaml"
        threads: (workflow.resource_settings.cores or THREADS) if study_timed else THREADS
        resources:
            mem_mb=lambda w, attempt, timed=study_timed: (16000 if timed else 4000) * attempt,
            runtime=lambda w, attempt: 240 * attempt,
            gpu=GPU * study_timed,
        params:
            study=study_json(study_name),
            code=study_code(study_name),
            upstream=study_upstream(study_name),
            files=lambda w, input: " ".join(option(k, [path]) for k, path in input.items()),
        shell:
            "python scripts/study.py --study {params.study:q} {params.files} --out {output} "
            "2> {log} "
            "|| {{ tail -n 5 {log} >&2; exit 1; }}"
