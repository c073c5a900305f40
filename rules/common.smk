# What all rules share: the resolved configuration, paths, and what a job's command line holds.
import json
import math
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
from balent.features.settings import PACE
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
    """Parts of a feature set's settings as JSON, without what no result depends on (PACE)."""
    parts = {key: without(S.features[name][key], PACE) for key in keys}
    return json.dumps(parts | {"torch_threads": THREADS}, sort_keys=True)


def without(value, keys):
    """A mapping without keys that no result depends on; anything else as it is."""
    return {k: v for k, v in value.items() if k not in keys} if isinstance(value, dict) else value


def pace(key):
    """A setting of a training on which no result depends: a resource, since no job is repeated for
    another resource; 0 where it is absent."""
    return lambda w: math.ceil(S.features[w.features]["simclr"].get(key, 0))


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
