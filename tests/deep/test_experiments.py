"""Experiments: the published files, presets, files of one's own, and what is wrong with them."""

import re

import pytest
import torch

import tabular_marl as tm
from tabular_marl.deep.agents.base import AgentConfig
from tabular_marl.deep.training import Run, Session, train
from tabular_marl.deep.training.experiments import (
    AGENTS,
    CONFIGS,
    CONTINUOUS,
    EXPERIMENTS,
    SETTINGS,
    Experiment,
    read_experiment,
)
from tabular_marl.deep.training.lineup import line_up
from tabular_marl.deep.training.plain_yaml import parse_yaml, read_yaml
from tabular_marl.games.formats import save_game
from tabular_marl.validation import InputError

# FURTHER G.3, Tables 2 to 6, as printed: critic, gain, actor, inference, α, |z|, γ, batch size
TABLES = {
    "ibs": (0.002, 0.02, 0.0005, 0.002, 0.4, 5, 0.99, 256),
    "ic": (0.0005, 0.02, 0.0001, 0.0005, 0.3, 5, 0.99, 64),
    "imp": (0.01, 0.05, 0.001, 0.01, 0.35, 5, 0.99, 64),
    "robosumo": (0.0002, 0.2, 0.0001, 0.0002, 0.01, 10, 0.99, 256),
    "battle": (0.001, 0.2, 0.0005, 0.001, 0.01, 10, 0.99, 256),
}
NAMES = (
    "critic_rate",
    "gain_rate",
    "actor_rate",
    "inference_rate",
    "temperature",
    "latent",
    "discount",
    "window",
)


@pytest.mark.parametrize("preset", ["paper", "code"])
@pytest.mark.parametrize("name", TABLES)
def test_a_published_file_holds_its_table(name, preset):
    config = read_experiment(name, preset).config("further")
    assert tuple(getattr(config, field) for field in NAMES) == TABLES[name]
    assert config.kl_weight == 0.01


def test_every_file_is_published_and_the_defaults_are_table_2():
    assert {*TABLES, "max-of-two-quadratics"} == set(EXPERIMENTS)
    assert read_experiment("ibs").config("further") == AgentConfig()


def test_the_presets_differ_in_the_learner_s_step_and_in_nothing_else():
    for name in TABLES:
        paper, code = (read_experiment(name, preset) for preset in ("paper", "code"))
        assert (paper == code) == (name != "ibs")
    learners = [read_experiment("ibs", preset).q_learner for preset in ("paper", "code")]
    assert [learner.step_size for learner in learners] == [0.5, 1.0]
    assert {(k.initial, k.discount, k.epsilon, k.waits) for k in learners} == {
        ((10.0, 20.0), 0.9, 0.05, 256)
    }


@pytest.mark.parametrize(
    ("preset", "game", "temperatures"),
    [("paper", "two-quadratics", (0.1, 0.1)), ("code", "two-quadratics-code", (500.1, 0.1))],
)
def test_rommeo_s_game_with_and_without_annealing(preset, game, temperatures):
    """The paper says that none is needed; its code falls from 500.1 to 0.1."""
    run = Run("max-of-two-quadratics", "rommeo", preset)
    assert (run.plan.environment, run.plan.steps) == (game, 200 * 25)
    env, (agent, _) = line_up(run.plan, run.agent, 1, torch.Generator())
    config = agent.config
    rates = (config.critic_rate, config.actor_rate, config.target_rate, config.discount)
    assert rates == (0.01, 0.01, 0.01, 0.95)
    assert (config.hidden, config.batch) == (100, 512)
    first = 1 / agent.beta
    agent.count = 5000
    assert (first, 1 / agent.beta) == pytest.approx(temperatures)
    assert env.game.name == game


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_any_yaml_reader_reads_the_same(name):
    yaml = pytest.importorskip("yaml")

    def plain(value):
        if isinstance(value, dict):
            return {key: plain(part) for key, part in value.items()}
        if isinstance(value, list):
            return [float(part) for part in value]
        if value is None:
            return ""
        return value

    def typed(section):
        return {
            key: typed(value) if isinstance(value, dict) else plain(yaml.safe_load(value) or "")
            for key, value in section.items()
        }

    path = CONFIGS / f"{name}.yaml"
    assert typed(read_yaml(path)) == plain(yaml.safe_load(path.read_text(encoding="utf-8")))


def test_agents_that_share_a_setting_s_name_share_its_type():
    from typing import get_type_hints

    for agent in (*AGENTS.values(), *CONTINUOUS.values()):
        for name, kind in get_type_hints(agent.settings).items():
            assert SETTINGS[name] is kind


@pytest.mark.parametrize(("name", "needs"), [("robosumo", "MuJoCo"), ("battle", "MAgent")])
def test_what_is_published_but_absent_is_told(name, needs):
    with pytest.raises(InputError, match=f"'{name}', which needs {needs}"):
        Run(name)


def test_a_differential_game_is_for_agents_with_actions_in_an_interval():
    run = Run("two-quadratics", "balancing-q", settings=(("beta_opponent", -1),))
    env, players = line_up(run.plan, run.agent, 2, torch.Generator())
    assert type(players[0]) is type(players[1]) is CONTINUOUS["balancing-q"]
    assert players[1].config.beta_opponent == -1
    assert env.step(*(player.act(env.observation) for player in players)).shape == (2, 2)
    with pytest.raises(InputError, match=r"agent must be one of balancing-q, .*; it was 'dron'"):
        Run("two-quadratics", "dron")
    with pytest.raises(InputError, match=r"opponent must be one of .*; it was 'q-learner'"):
        Run("rotational", "sac", settings=(("opponent", "q-learner"),))


MINE = """\
# mine
environment: stag-hunt
opponent: moa
steps: 500
agent:
  hidden: 16      # narrow
  critic_rate: 5e-4
  optimistic: no_such
q_learner:
  initial: [1, 2.5]
"""


def written(tmp_path, text):
    path = tmp_path / "mine.yaml"
    path.write_text(text, encoding="utf-8")
    return str(path)


def test_a_file_of_one_s_own(tmp_path):
    path = written(tmp_path, MINE.replace("no_such", "false"))
    run = Run(path, settings=(("q_learner.step_size", "0.25"), ("hidden", 8), ("steps", "750")))
    assert (run.plan.name, run.plan.environment, run.last) == ("mine", "stag-hunt", 750)
    config = run.config
    assert (config.hidden, config.critic_rate, config.optimistic) == (8, 5e-4, False)
    assert (run.plan.q_learner.initial, run.plan.q_learner.step_size) == ((1.0, 2.5), 0.25)
    assert Experiment.of(run.as_dict()["experiment"]) == run.plan
    assert Run.of(run.as_dict()).as_dict() == run.as_dict()


PRESETS = """\
environment: chicken
steps: 250
agent: {}
presets:
  slow:
    agent:
      critic_rate: 1e-4
  fast:
    steps: 1000
"""


def test_presets_of_one_s_own(tmp_path):
    path = written(tmp_path, PRESETS.replace(" {}", ""))
    assert Run(path, preset="slow").config.critic_rate == 1e-4
    assert Run(path, preset="fast").last == 1000
    assert (Run(path).config.critic_rate, Run(path).last) == (0.002, 250)  # the file as it stands
    with pytest.raises(InputError, match=r"preset must be one of fast, slow; it was 'code'"):
        Run(path, preset="code")


def test_a_game_in_a_file_is_an_experiment_and_is_looked_for_beside_its_yaml(tmp_path):
    save_game(tm.games.stag_hunt(), tmp_path / "mine.json")
    alone = Run(str(tmp_path / "mine.json"), "sac", seeds=2, steps=250)
    path = written(tmp_path, "environment: mine.json\nsteps: 250\n")
    assert Run(path).plan.environment == alone.plan.environment == str(tmp_path / "mine.json")
    assert Session(alone).env.actions == (2, 2)
    assert (alone.title, Run(path).title) == (str(tmp_path / "mine.json"), "mine")


def test_a_picture_says_what_was_published_only_of_what_was(tmp_path):
    assert Run("ic").title == "FURTHER Fig. 7b, Table 3, paper preset"
    assert Run("ic", settings=(("hidden", 8),)).title == "ic"


def test_a_checkpoint_of_a_game_that_has_changed_since_is_refused(tmp_path):
    file = tmp_path / "mine.json"
    save_game(tm.games.stag_hunt(), file)
    run = Run(str(file), "dron", seeds=2, steps=250)
    train(run, tmp_path / "out")
    file.unlink()
    save_game(tm.games.chicken(), file)
    with pytest.raises(InputError, match=r"game as it is now; .*mine.json has changed since"):
        Session.open(tmp_path / "out" / "checkpoint.pt")


def test_fewer_steps_than_a_checkpoint_has_are_refused(tmp_path):
    train(Run("ic", "dron", seeds=2, steps=20, interval=10), tmp_path)
    with pytest.raises(InputError, match="steps must be at least the checkpoint's 20; it was 10"):
        train(Run("ic", "dron", seeds=2, steps=10, interval=10), tmp_path, resume=True)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("hidden: 16", "hiden: 16", "a name in agent must be one of .*did you mean 'hidden'"),
        ("opponent", "oponent", r"a name in mine.yaml must be .*did you mean 'opponent'"),
        ("hidden: 16", "hidden: wide", "hidden must be a number; it was 'wide'"),
        ("hidden: 16", "hidden: 1.5", "hidden must be a finite int; it was 1.5"),
        ("hidden: 16", "latent: 0", "latent must be at least 1; it was 0"),
        ("hidden: 16", "discount: 1.1", "discount must be between 0 and 1; it was 1.1"),
        ("5e-4", "-1", "critic_rate must be at least 0; it was -1"),
        ("5e-4", "nan", "critic_rate must be a finite number"),
        ("no_such", "perhaps", "optimistic must be true or false; it was 'perhaps'"),
        ("[1, 2.5]", "1", r"initial must be numbers such as \[10, 20\]; it was '1'"),
        ("[1, 2.5]", "[1, x]", r"initial must be a number; it was '\[1, x\]'"),
        ("moa", "mao", "opponent must be one of .*did you mean 'moa'"),
        ("environment: stag-hunt\n", "", r"environment in mine.yaml must be given"),
        ("agent:\n", "agent: 3\n", r"line 6 of mine.yaml must be indented as far"),
        ("q_learner:\n  initial: [1, 2.5]", "q_learner: 3", r"q_learner in mine.yaml must be a"),
        ("steps: 500", "steps 500", "line 4 of mine.yaml must be 'name: value' or 'section:'"),
        ("steps: 500", "- steps", "line 4 of mine.yaml"),
        ("steps: 500", "steps: &a 5", "line 4 of mine.yaml"),
        ("steps: 500", 'steps: "500', "line 4 of mine.yaml"),
        ("steps: 500", "opponent: lili", "line 4 of mine.yaml must name each thing once"),
        ("  critic_rate", "\tcritic_rate", "line 7 of mine.yaml"),
        ("  critic_rate", "   critic_rate", "line 7 of mine.yaml must be indented as far"),
    ],
)
def test_mistakes_in_a_file_are_told(tmp_path, old, new, told):
    assert old in MINE
    text = MINE.replace(old, new)
    with pytest.raises(InputError, match=told):
        Run(written(tmp_path, text if "perhaps" in text else text.replace("no_such", "true")))


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ((("temprature", 1.0),), "did you mean 'temperature'"),
        ((("window", 2.5),), r"window must be a finite int; it was 2\.5"),
        ((("beta", 1.0),), "setting must be one of"),  # a setting, but of none who play
        ((("q_learner.stepsize", 1.0),), r"did you mean 'q_learner\.step_size'"),
        ((("environment", "chickn"),), "did you mean 'chicken'"),
        ((("environment", "none.py:make"),), r"none\.py was not found"),
        ((("q_learner.initial", (1.0, 2.0, 3.0)),), "hold a value for each of 2 actions"),
        ((("episode", 0),), "episode must be at least 1 in a named game"),
    ],
)
def test_mistakes_in_settings_are_told(settings, told):
    with pytest.raises(InputError, match=told):
        line_up(Run("ibs", settings=settings).plan, "further", 1, torch.Generator())


def test_the_files_are_where_the_settings_are_told_from():
    """A comment says where each number of a published file is from."""
    for name in TABLES:
        text = (CONFIGS / f"{name}.yaml").read_text(encoding="utf-8")
        sources = re.findall(r"# (Table \d|appendix [EG]|the code's)", text)
        assert {"appendix E"} <= set(sources)
        assert any(source.startswith("Table") for source in sources)


def test_sections_nest_and_quotes_keep_what_is_in_them():
    text = "a:\n    b:\n        c: 'x y'\n    d: \"\"\ne: 1 # two\n"
    assert parse_yaml(text) == {"a": {"b": {"c": "x y"}, "d": ""}, "e": "1"}
