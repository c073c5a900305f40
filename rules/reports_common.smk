# What the rules of reports are made from.
def report_outputs(items):
    return [path for name, item in items.items() for path in kinds.outputs(name, item)]


def report_files(name):
    """The outputs of an item; its figure or table is shown by ``snakemake --report``, too."""
    item, caption = S.reports[name], Path("reports/captions", f"{name}.rst")
    category, subcategory = sections.place(item)
    about = dict(category=category, subcategory=subcategory, labels={"item": item["title"]})
    if caption.exists():
        about["caption"] = f"../{caption}"
    files = kinds.outputs(name, item)
    chosen = kinds.shown(item)
    return [report(file, **about) if file.endswith(chosen) else file for file in files]


def same_target(name):
    """The items that are made with an item: those of ``all``, or those of ``extra``."""
    return kinds.of_target(S.reports, name.startswith(kinds.EXTRA))


def report_context(name):
    """What an item shows, as JSON: only that, so that other items' changes do not re-run it."""
    item, fields = S.reports[name], {}
    items = {name: without(item, "section")}  # which determines no output of its own
    if item["kind"] == "index":
        items = same_target(name)
        fields = {"probes": report_probes(items)}
    if item["kind"] == "reproduction":
        items = kinds.stated(S.reports) | items
        fields = finished.shown(S, items.values())
    scenarios = {s for i in items.values() for s in i.get("scenarios", ())}
    methods = {m for i in items.values() for m in i.get("methods", ())}
    studies = {i["study"] for i in items.values() if "study" in i}
    methods.update(m for study in studies for m in S.studies[study].get("methods", ()))
    pick = lambda table, names: {key: table[key] for key in table if key in names}
    used = {layout.feature_set(settings) for settings in pick(S.scenarios, scenarios).values()}
    return json.dumps(
        {
            "scale": S.scale,
            "scenarios": pick(S.scenarios, scenarios),
            "undefined": pick(S.undefined, scenarios),
            "methods": pick(S.methods, methods),
            "studies": pick(S.studies, studies),
            "seeds": S.seeds,
            "features": pick(S.features, used),
            "items": items,
            **fields,
        }
    )


def report_probes(items=kinds.of_target(S.reports)):
    """The linear probe of every feature set that the items' scenarios use."""
    shown = {s for item in items.values() for s in item.get("scenarios", ())}
    sets = {layout.feature_set(S.scenarios[s]) for s in shown if s in S.scenarios} - {None}
    return {name: f"data/features/{S.scale}/{name}/probe.json" for name in sorted(sets)}


def report_inputs(name):
    """Histories and reference table of an item; for the index the other items and run records."""
    item = S.reports[name]
    if item["kind"] == "index":
        others = {n: i for n, i in same_target(name).items() if i["kind"] != "index"}
        histories = item_histories(*others.values())
        runs = [path.replace("history.csv", "run.json") for path in histories]
        captions = [f"reports/captions/{n}.rst" for n in others]
        found = [c for c in captions if Path(c).exists()]
        return report_outputs(others) + found + runs + list(report_probes(others).values())
    if item["kind"] == "reproduction":
        return [f"data/reference/{table}.csv" for table in kinds.REFERENCE_TABLES]
    reference = [f"data/reference/{item['reference']['table']}.csv"] if "reference" in item else []
    return item_histories(item) + pool_files(item) + study_results([item]) + reference


def pool_files(item):
    """Picks and data sets of an item that reads picks."""
    if kinds.KINDS[item["kind"]].reads != "picks":
        return []
    shown = {S.scenarios[name]["data"] for name in item["scenarios"] if name in S.scenarios}
    picks = [path.replace("history.csv", "picks.npz") for path in item_histories(item)]
    return picks + [layout.raw(name) for name in sorted(shown)]
