# Self-supervised features: train an encoder, then extract features of all images.
FEATURES = "data/features/{scale}/{features}"


rule simclr:
    input:
        data=features_data,
    output:
        encoder=f"{FEATURES}/encoder.safetensors",
        report=f"{FEATURES}/simclr.json",
    log:
        "logs/{scale}/features/{features}_simclr.log",
    priority: 100  # most chains wait for the features
    conda:
        "../envs/balent.yaml"
    threads: THREADS
    resources:
        **needs(lambda w: JOBS.simclr(w.features)),
        gpu=GPU,
        checkpoint_seconds=pace("checkpoint_seconds"),
        probe_every=pace("probe_every"),
    params:
        settings=features_settings("simclr", "seed"),
        code=code("scripts/simclr.py"),
        checkpoint="work/{scale}/features/{features}/checkpoint.safetensors",
    shell:
        "python scripts/simclr.py --settings {params.settings:q} --data {input.data} "
        "--checkpoint {params.checkpoint} --checkpoint-seconds {resources.checkpoint_seconds} "
        "--probe-every {resources.probe_every} --out {output.encoder} {output.report} 2> {log} "
        "|| {{ tail -n 5 {log} >&2; exit 1; }}"


rule extract:
    input:
        data=features_data,
        encoder=f"{FEATURES}/encoder.safetensors",
    output:
        features=f"{FEATURES}/features.npz",
        probe=f"{FEATURES}/probe.json",
    log:
        "logs/{scale}/features/{features}_extract.log",
    priority: 100
    conda:
        "../envs/balent.yaml"
    threads: THREADS
    resources:
        **needs(lambda w: JOBS.extract(w.features)),
        gpu=GPU,
    params:
        settings=features_settings("simclr", "seed", "probe"),
        code=code("scripts/extract.py"),
    shell:
        "python scripts/extract.py --settings {params.settings:q} --data {input.data} "
        "--encoder {input.encoder} --out {output.features} {output.probe} 2> {log} "
        "|| {{ tail -n 5 {log} >&2; exit 1; }}"
