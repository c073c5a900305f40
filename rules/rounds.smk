# Four jobs a round: train, mc_sample, acquire, evaluate. Round r takes the records of round r - 1.
ROUND = f"work/{CHAIN}/round{{round}}"


rule train:
    input:
        data=chain_data,
        encoder=chain_encoder,
        so_far=before("records.npz"),
        previous=weights_before,
    output:
        f"{ROUND}/model.safetensors",
    log:
        f"logs/{CHAIN}/round{{round}}_train.log",
    wildcard_constraints:
        scenario=scenarios_by("rounds"),
    conda:
        "../envs/balent.yaml"
    threads: THREADS
    resources:
        **step_needs("train"),
        gpu=GPU,
    params:
        **step_params(
            "scripts/train.py",
            previous=lambda w, input: option("previous", input.get("previous", [])),
        ),
    shell:
        "python scripts/train.py --chain {params.chain:q} --data {input.data} {params.encoder} "
        "--round {wildcards.round} {params.so_far} {params.previous} --out {output} 2> {log} "
        "|| {{ tail -n 5 {log} >&2; exit 1; }}"


rule mc_sample:
    input:
        data=chain_data,
        encoder=chain_encoder,
        so_far=before("records.npz"),
        model=f"{ROUND}/model.safetensors",
    output:
        f"{ROUND}/predictions.npz",
    log:
        f"logs/{CHAIN}/round{{round}}_mc_sample.log",
    wildcard_constraints:
        scenario=scenarios_by("rounds"),
    conda:
        "../envs/balent.yaml"
    threads: THREADS
    resources:
        **step_needs("mc_sample"),
        gpu=GPU,
    params:
        **step_params("scripts/mc_sample.py", method=method_code),
    shell:
        "python scripts/mc_sample.py --chain {params.chain:q} --data {input.data} {params.encoder} "
        "--round {wildcards.round} {params.so_far} --model {input.model} --out {output} 2> {log} "
        "|| {{ tail -n 5 {log} >&2; exit 1; }}"


rule acquire:
    input:
        data=chain_data,
        encoder=chain_encoder,
        so_far=before("records.npz"),
        predictions=f"{ROUND}/predictions.npz",
    output:
        f"{ROUND}/picks.npz",
    log:
        f"logs/{CHAIN}/round{{round}}_acquire.log",
    wildcard_constraints:
        scenario=scenarios_by("rounds"),
    conda:
        "../envs/balent.yaml"
    threads: THREADS
    resources:
        **step_needs("acquire"),
        gpu=GPU,
    params:
        **step_params("scripts/acquire.py", method=method_code),
    shell:
        "python scripts/acquire.py --chain {params.chain:q} --data {input.data} {params.encoder} "
        "--round {wildcards.round} {params.so_far} --predictions {input.predictions} "
        "--out {output} 2> {log} "
        "|| {{ tail -n 5 {log} >&2; exit 1; }}"


rule evaluate:
    input:
        data=chain_data,
        encoder=chain_encoder,
        so_far=before("records.npz"),
        model=f"{ROUND}/model.safetensors",
        picks=picks_now,
    output:
        f"{ROUND}/records.npz",
    log:
        f"logs/{CHAIN}/round{{round}}_evaluate.log",
    wildcard_constraints:
        scenario=scenarios_by("rounds"),
    conda:
        "../envs/balent.yaml"
    threads: THREADS
    resources:
        **step_needs("evaluate"),
        gpu=GPU,
    params:
        **step_params(
            "scripts/evaluate.py", picks=lambda w, input: option("picks", input.get("picks", []))
        ),
    shell:
        "python scripts/evaluate.py --chain {params.chain:q} --data {input.data} {params.encoder} "
        "--round {wildcards.round} {params.so_far} --model {input.model} {params.picks} "
        "--out {output} 2> {log} "
        "|| {{ tail -n 5 {log} >&2; exit 1; }}"


rule history:
    input:
        data=chain_data,
        encoder=chain_encoder,
        records=lambda w: f"{ROUND}/records.npz".format(
            **(dict(w) | {"round": rounds(S.scenarios[w.scenario]["acquisition"]) - 1})
        ),
    output:
        HISTORY,
    log:
        f"logs/{CHAIN}/history.log",
    wildcard_constraints:
        scenario=scenarios_by("rounds"),
    conda:
        "../envs/balent.yaml"
    threads: THREADS
    resources:
        **needs(lambda w: JOBS.history(w.scenario, w.method)),
        gpu=GPU,
    params:
        chain=chain_json,
        code=code("scripts/history.py"),
        method=method_code,
        upstream=upstream,
        encoder=lambda w, input: option("encoder", input.get("encoder", [])),
    shell:
        "python scripts/history.py --chain {params.chain:q} --data {input.data} "
        "{params.encoder} --records {input.records} --out {output} 2> {log} "
        "|| {{ tail -n 5 {log} >&2; exit 1; }}"
