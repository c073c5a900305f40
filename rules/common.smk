# What all rules share: the resolved configuration, paths, and what a job's command line holds.
import json
import os
import sys
from functools import cache
from pathlib import Path
from shlex import quote
from types import SimpleNamespace

from snakemake.utils import update_config

BASE = Path(workflow.basedir).resolve()
sys.path.insert(0, str(BASE / "src"))
from balent import finished, forkserver, layout, slurm, sources
from balent.acquisition import catalog
from balent.budget import rounds
from balent.config import read_yaml, resolve, retyped
from balent.environment import job_environment
from balent.errors import BalentError
from balent.files import tree_digest
from balent.loop.chain import Chain
from balent.reports import kinds, sections
from balent.resources import Jobs
from balent.studies import kinds as study_kinds
from balent.studies import scenario as study_scenario

# Snakemake reads what is nested in --config, such as seeds=[0,1], as text.
update_config(config, retyped(workflow.config_settings.config))
try:
    read_yaml(BASE / "config.yaml")  # refuses a key that stands twice, which Snakemake does not
    S = resolve(config, read_yaml(BASE / "config.schema.yaml"))
except BalentError as error:
    raise SystemExit(f"balent: {error}")

RUNTIME = S.runtime
THREADS = RUNTIME["torch_threads"]
GPU = int(RUNTIME["device"].startswith("cuda"))  # requested from a scheduler
os.environ.update(job_environment(RUNTIME, BASE / "src"))
if workflow.is_main_process:  # not in a job on a cluster's node, which inherits it
    os.environ[sources.SNAPSHOT] = sources.snapshot(BASE / "src", BASE / "scripts")

CHAIN = "{scale}/{scenario}/{method}/seed{seed}"
HISTORY = [f"results/{CHAIN}/{name}" for name in ("history.csv", "picks.npz", "run.json")]


wildcard_constraints:
    scale=S.scale,
    method="|".join(S.methods),
    scenario="|".join(S.scenarios),
    features="[a-z0-9_]+",
    seed="[0-9]+",
    round="[0-9]+",
    block="[0-9]+",


def code(*paths):
    """The source files that a job runs, as a digest for each folder: a parameter of the job.

    Contents decide, so an edit re-runs the job and a new time stamp does not.
    """
    return grouped_digests(tuple(sources.closure(*(BASE / path for path in paths))))


def method_code(w):
    """As ``code``, of the chain's acquisition function, which another package may provide."""
    return grouped_digests(tuple(catalog.find(S.methods[w.method]["function"]).source_files()))


def upstream(w):
    """What determines the features or the encoder that a chain reads: they may be absent.

    A chain whose features were never pulled is stale all the same when they would come out anew.
    """
    features = layout.feature_set(S.scenarios[w.scenario])
    if features is None:
        return []
    return [
        feature_settings(features, "simclr", "seed"),
        *code("scripts/simclr.py", "scripts/extract.py"),
    ]


@cache
def grouped_digests(paths):
    folders = {}
    for path in paths:
        ours = path.is_relative_to(BASE)
        folder = path.parent.relative_to(BASE) if ours else path.parent.name
        folders.setdefault(str(folder), []).append(path)
    return [f"{folder} {sources.digest(files)[:16]}" for folder, files in sorted(folders.items())]


def chain_json(w):
    """Everything that determines a chain's results, as JSON on the job's command line."""
    return Chain.of(S, w.scenario, w.method, int(w.seed)).to_json()


def chain_data(w):
    """The file whose x_train the networks see: images or features."""
    return layout.chain_data(S, w.scenario)


def chain_encoder(w):
    """The weights of a pre-trained backbone; none where the scenario has no such backbone."""
    encoder = layout.chain_encoder(S, w.scenario)
    return [encoder] if encoder else []


def option(name, values):
    """``--name value…`` for a command line, or nothing where there is no value."""
    return f"--{name} {' '.join(map(quote, values))}" if values else ""


def scenarios_by(granularity):
    """A pattern for the scenarios of one granularity; it matches nothing where there are none."""
    return "|".join(n for n in S.scenarios if S.granularity(n) == granularity) or "(?!)"


def all_histories():
    """The histories that the reports of target ``all`` read."""
    return item_histories(*kinds.of_target(S.reports).values())


def item_histories(*items):
    """The histories that report items read."""
    return [
        HISTORY[0].format(scale=S.scale, scenario=scenario, method=method, seed=seed)
        for scenario, method, seed in S.chains(items)
    ]


def own_path(w):
    """The file or folder of a user's own data set, as a list; empty for a known data set."""
    own = RUNTIME["data_sets"].get(w.name)
    return [Path(own["path"]).expanduser()] if own else []


def own_file(w):
    return [str(path) for path in own_path(w) if not path.is_dir()]


def own_folder(w):
    """A digest of the files in a user's folder: Snakemake looks at the folder's own time only."""
    return [tree_digest(path) for path in own_path(w) if path.is_dir()]


def features_data(w):
    return f"data/raw/{S.features[w.features]['data']}.npz"


def features_settings(*keys):
    """The parameter of a job that makes an encoder or features: the named parts of the settings."""
    return lambda w: feature_settings(w.features, *keys)


def feature_settings(name, *keys):
    """Parts of a feature set's settings as JSON, without what no result depends on."""
    parts = {key: without(S.features[name][key], "checkpoint_seconds") for key in keys}
    return json.dumps(parts | {"torch_threads": THREADS}, sort_keys=True)


def without(value, key):
    """A mapping without a key that no result depends on; anything else as it is."""
    return {k: v for k, v in value.items() if k != key} if isinstance(value, dict) else value


def rounds_of(w):
    return rounds(S.scenarios[w.scenario]["acquisition"])


JOBS = Jobs(S)


def needs(forecast):
    """The ``resources`` of a rule, from wildcards to balent.resources.Needs: more every attempt."""
    return dict(
        mem_mb=lambda w, attempt: forecast(w).mem_mb * attempt,
        runtime=lambda w, attempt: forecast(w).runtime * attempt,
    )


def step_needs(step):
    return needs(lambda w: JOBS.step(w.scenario, w.method, step, int(w.round)))


def block_needs(w):
    """Of a block; of the one that ends the chain where there is no such wildcard."""
    first = int(w.get("block", last_block(w))) * RUNTIME["rounds_per_job"]
    return JOBS.rounds(w.scenario, w.method, first, first + RUNTIME["rounds_per_job"])


def block_before(number):
    """Records and weights of a block; none before the first."""
    return lambda w: (
        multiext(BLOCK.format(**(dict(w) | {"block": number(w)})), ".npz", ".safetensors")
        if number(w) >= 0
        else []
    )


def last_block(w):
    """The number of the block that ends the chain."""
    return (rounds_of(w) - 1) // RUNTIME["rounds_per_job"]


def before(name):
    """A file of the round before; none in round 0."""
    return lambda w: (
        [f"{ROUND}/{name}".format(**(dict(w) | {"round": int(w.round) - 1}))]
        if int(w.round)
        else []
    )


def weights_before(w):
    """The last round's weights where the scenario continues from them."""
    warm = S.scenarios[w.scenario]["training"]["warm_start"]
    return before("model.safetensors")(w) if warm else []


def picks_now(w):
    """The round's picks; none in the last round, which only measures."""
    last = rounds(S.scenarios[w.scenario]["acquisition"]) - 1
    return [] if int(w.round) == last else [f"{ROUND}/picks.npz".format(**w)]


def step_params(script, **more):
    """The parts of a step's command line that are not plain files."""
    return dict(
        chain=chain_json,
        code=code(script),
        upstream=upstream,
        encoder=lambda w, input: option("encoder", input.get("encoder", [])),
        so_far=lambda w, input: option("so-far", input.get("so_far", [])),
        **more,
    )


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
        fields = report_finished(items)
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


def report_finished(items):
    """What is finished of what items show, without a wish for more; at paper scale alone."""
    if S.scale != "paper":
        return {}
    chains = sorted(finished.chains(S, S.chains(items.values())))
    studies = {item["study"] for item in items.values() if "study" in item}
    studies = sorted(n for n in studies if finished.study_seconds(S, n) is not None)
    seeds = {}
    for scenario, method, seed in chains:
        seeds.setdefault(f"{scenario}/{method}", []).append(seed)
    records = [finished.chain_record(S.scale, *chain) for chain in chains]
    records += [finished.study_record(S.scale, name) for name in studies]
    return {
        "finished": seeds,
        "finished_studies": studies,
        "records": sources.digest(records),
    }


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
