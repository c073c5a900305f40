# Many rounds of a chain in one job. A journal outside the declared outputs (Snakemake deletes those
BLOCK = f"work/{CHAIN}/block{{block}}"


rule block:
    input:
        data=chain_data,
        encoder=chain_encoder,
        previous=block_before(lambda w: int(w.block) - 1),
    output:
        multiext(BLOCK, ".npz", ".safetensors"),
    log:
        f"logs/{CHAIN}/block{{block}}.log",
    wildcard_constraints:
        scenario=scenarios_by("blocks"),
    conda:
        "../envs/balent.yaml"
    threads: THREADS
    resources:
        **needs(block_needs),
        gpu=GPU,
    params:
        chain=chain_json,
        code=code("scripts/block.py"),
        method=method_code,
        upstream=upstream,
        encoder=lambda w, input: option("encoder", input.get("encoder", [])),
        previous=lambda w, input: option("previous", input.get("previous", [])),
        last=lambda w: (int(w.block) + 1) * RUNTIME["rounds_per_job"],
        journal=f"work/{CHAIN}/journal",
    shell:
        "python scripts/block.py --chain {params.chain:q} --data {input.data} {params.encoder} "
        "--last {params.last} --journal {params.journal} {params.previous} "
        "--out {output} 2> {log} "
        "|| {{ tail -n 5 {log} >&2; exit 1; }}"


use rule block as chain with:
    input:
        data=chain_data,
        encoder=chain_encoder,
        previous=block_before(lambda w: last_block(w) - 1),
    output:
        HISTORY,
    log:
        f"logs/{CHAIN}/chain.log",
    params:
        chain=chain_json,
        code=code("scripts/block.py"),
        method=method_code,
        upstream=upstream,
        encoder=lambda w, input: option("encoder", input.get("encoder", [])),
        previous=lambda w, input: option("previous", input.get("previous", [])),
        last=rounds_of,
        journal=f"work/{CHAIN}/journal",
