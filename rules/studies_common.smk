# What the rules of studies are made from.
def study_results(items=kinds.of_target(S.reports).values()):
    """The results of the studies that report items show."""
    shown = sorted({item["study"] for item in items if "study" in item})
    return [f"results/{S.scale}/studies/{name}.npz" for name in shown]


def study_methods(name):
    """{function, options} of every method of a study: titles determine no result."""
    return {m: without(S.methods[m], "title") for m in S.studies[name].get("methods", ())}


def study_files(name):
    """The files of the scenario whose network a study trains: data or features, and an encoder."""
    scenario = S.studies[name].get("scenario")
    if scenario is None:
        return {}
    encoder = layout.chain_encoder(S, scenario)
    return {"data": layout.chain_data(S, scenario)} | ({"encoder": encoder} if encoder else {})


def study_upstream(name):
    """As ``upstream``, of the scenario whose network a study trains."""
    scenario = S.studies[name].get("scenario")
    return upstream(SimpleNamespace(scenario=scenario)) if scenario else []


def study_json(name):
    """Everything that determines a study's result, as JSON on the job's command line.

    Titles determine none; what is measured depends on the device and the sampler's memory, too.
    """
    settings = without(S.studies[name], "title")
    if "generators" in settings:
        untitled = {g: without(entry, "title") for g, entry in settings["generators"].items()}
        settings["generators"] = untitled
    timed = settings["kind"] in study_kinds.TIMED
    about = {key: RUNTIME[key] for key in ("device", "memory_budget_mib") if timed}
    if settings["kind"] in study_kinds.TRAINED:
        about["chain"] = json.loads(study_scenario.chain(S, name).to_json())
    return json.dumps(
        {"name": name, "settings": settings, "methods": study_methods(name)}
        | {"torch_threads": THREADS, **about}
    )


def study_code(name):
    """As ``code``, of a study's kind and of its acquisition functions."""
    kind = study_kinds.source(S.studies[name]["kind"])
    functions = {method["function"] for method in study_methods(name).values()}
    of_methods = {file for f in functions for file in catalog.find(f).source_files()}
    script = sources.closure(BASE / "scripts/study.py", kind)
    return grouped_digests(tuple(sorted({*script, *of_methods})))
