"""Games: axes, views, labels, being read-only, and what malformed input is told."""

from __future__ import annotations

import dataclasses
import itertools
import pickle
import re

import numpy as np
import pytest
from scipy import sparse

import tabular_marl as tm
from tabular_marl.games.labels import joint_labels

RNG = np.random.default_rng(7)
P2 = RNG.dirichlet(np.ones(3), size=(3, 2, 2))
R2 = RNG.normal(size=(3, 2, 2))
O2 = RNG.normal(size=(3, 2, 2))
P3 = RNG.dirichlet(np.ones(4), size=(4, 2, 3, 2))
R3 = RNG.normal(size=(3, 4, 2, 3, 2))
ABC = [["C", "D"], ["x", "y", "z"], ["u", "v"]]


def rows(transition: np.ndarray) -> np.ndarray:
    return transition.reshape(-1, transition.shape[-1])


def test_fields_and_shape() -> None:
    game = tm.StochasticGame(
        P2, R2, O2, discount=0.5, states=["x", "y", "z"], actions=[["C", "D"], ["L", "R"]],
        name="small", initial="y",
    )  # fmt: skip
    assert (game.num_players, game.num_states, game.action_counts) == (2, 3, (2, 2))
    assert game.states == ("x", "y", "z")
    assert game.action_labels == (("C", "D"), ("L", "R"))
    assert game.players == ("Player 1", "Player 2")
    assert game.initial.tolist() == [0, 1, 0]
    assert np.array_equal(game.transition_rows, rows(P2))
    assert repr(game) == "StochasticGame('small', 3 states, actions 2×2, discount 0.5)"
    assert np.array_equal(game.player_reward(1), O2)
    assert tm.StochasticGame(P2, R2).state_labels == ("0", "1", "2")


def test_two_players_may_be_given_as_one_reward_array() -> None:
    both = tm.StochasticGame(P2, np.stack([R2, O2]))
    assert both == tm.StochasticGame(P2, R2, O2)
    assert both.reward.flags.c_contiguous


@pytest.mark.parametrize("as_sparse", [False, True])
def test_arrays_are_copied_and_locked(as_sparse: bool) -> None:
    transition = sparse.csr_array(rows(P2)) if as_sparse else P2.copy()
    reward = R2.copy()
    game = tm.StochasticGame(transition, reward, O2, initial=0)
    before = pickle.dumps(game)
    reward[:] = 99.0
    (transition.data if as_sparse else transition)[:] = 0.0
    assert pickle.dumps(game) == before
    for one in (game, pickle.loads(before), game.against(1), game.with_discount(0.1)):
        arrays = [one.reward, one.opponent_reward, one.initial]
        kept = one.transition
        arrays += [kept.data, kept.indices, kept.indptr] if as_sparse else [kept]
        for array in arrays:
            with pytest.raises(ValueError, match="read-only"):
                array[0] = 0
    with pytest.raises(dataclasses.FrozenInstanceError):
        game.discount = 0.0  # type: ignore[misc]


def test_sparse_and_dense_agree_and_sparse_is_canonical() -> None:
    dense = tm.StochasticGame(P3, R3, actions=ABC)
    doubled = sparse.coo_array(rows(P3) / 2)
    twice = sparse.coo_array(
        (
            np.concatenate([doubled.data, doubled.data[::-1], [0.0]]),
            (
                np.concatenate([doubled.row, doubled.row[::-1], [0]]),
                np.concatenate([doubled.col, doubled.col[::-1], [0]]),
            ),
        ),
        shape=doubled.shape,
    )
    thin = tm.StochasticGame(twice, R3, actions=ABC)
    assert thin == tm.StochasticGame(sparse.csc_matrix(rows(P3)), R3, actions=ABC)
    assert thin.is_sparse
    assert thin.transition.format == "csr"
    assert thin.transition.has_canonical_format
    for i in range(3):
        assert np.array_equal(
            thin.against(i).transition.toarray(), dense.against(i).transition_rows
        )
    assert thin != dense


@pytest.mark.parametrize("player", [0, 1, 2])
def test_against_joins_the_others_in_c_order(player: int) -> None:
    game = tm.StochasticGame(P3, R3, actions=ABC, states=list("stuv"), discount=0.3, initial=1)
    view = game.against(player)
    others = [k for k in range(3) if k != player]
    counts = [game.action_counts[k] for k in others]
    assert view.action_counts == (game.action_counts[player], np.prod(counts))
    assert view.opponent_reward is None
    assert (view.states, view.discount) == (game.states, 0.3)
    assert view.players == (
        f"Player {player + 1}",
        "/".join(f"Player {k + 1}" for k in others),
    )
    for index in np.ndindex(4, 2, 3, 2):
        s, *a = index
        b = np.ravel_multi_index([a[k] for k in others], counts)
        assert view.reward[s, a[player], b] == R3[(player, *index)]
        assert np.array_equal(view.transition[s, a[player], b], P3[index])
        assert view.actions[1][b] == "".join(ABC[k][a[k]] for k in others)


def test_against_in_a_two_player_game_swaps_the_roles() -> None:
    game = tm.StochasticGame(P2, R2, O2, actions=[["C", "D"], ["L", "R"]])
    view = game.against(1)
    assert game.against(0) is game
    assert np.array_equal(view.reward, O2.swapaxes(1, 2))
    assert np.array_equal(view.opponent_reward, R2.swapaxes(1, 2))
    assert np.array_equal(view.transition, P2.swapaxes(1, 2))
    assert view.actions == (("L", "R"), ("C", "D"))
    assert view.against(1) == game


def test_matrix_game_and_its_stochastic_form() -> None:
    game = tm.games.chicken()
    once = game.as_stochastic(0.5)
    assert once.transition.shape == (1, 2, 2, 1)
    assert np.array_equal(once.reward[0], game.payoffs[0])
    assert np.array_equal(once.opponent_reward[0], game.payoffs[1])
    assert np.array_equal(game.against(1).reward[0], game.payoffs[1].T)
    shared = tm.MatrixGame([[4, 0], [0, 8]])
    assert np.array_equal(shared.payoffs[0], shared.payoffs[1])
    three = tm.games.three_player_pennies()
    for player in range(3):
        view = three.against(player)
        want = np.moveaxis(three.payoffs[player], player, 0).reshape(2, 4)
        assert np.array_equal(view.reward[0], want)
    assert dataclasses.replace(game, name="x") != game
    assert hash(dataclasses.replace(game)) == hash(game)


def test_with_discount_shares_the_arrays() -> None:
    game = tm.StochasticGame(P2, R2)
    other = game.with_discount(0.25)
    assert other.discount == 0.25
    assert other.transition is game.transition
    assert other != game
    assert dataclasses.replace(game, discount=0.25) == other
    assert hash(dataclasses.replace(game)) == hash(game)


def test_joint_labels_stay_different() -> None:
    for lists in (["ab", "ab"], [["a", "a/b"], ["c", "b/c"]], [["a/, |;", "b"], ["a", ", "]]):
        labels = joint_labels(lists)
        assert len(set(labels)) == len(labels) == len(lists[0]) * len(lists[1])


def bad(array: np.ndarray, index: tuple[int, ...], value: float) -> np.ndarray:
    changed = array.copy()
    changed[index] = value
    return changed


def stochastic(transition: object = P2, reward: object = R2, **more: object) -> tm.StochasticGame:
    return tm.StochasticGame(transition, reward, **more)


LABELS = {"states": ["x", "y", "z"], "actions": [["C", "D"], ["L", "R"]]}
#: what is done, the argument named, the rule, what it was
BAD = [
    (lambda: stochastic(reward=bad(R2, (0, 1, 0), np.nan)), "reward", "finite", "[0, 1, 0]"),
    (lambda: stochastic(reward=bad(R2, (0, 1, 0), -np.inf)), "reward", "finite", "was -inf"),
    (lambda: stochastic(reward="abc"), "reward", "array of numbers", "<U3"),
    (lambda: stochastic(reward=[[1, 2], [3]]), "reward", "array of numbers", "inhomogeneous"),
    (lambda: stochastic(reward=R2 * 1j), "reward", "array of numbers", "complex"),
    (lambda: stochastic(reward=R2[0]), "reward", "shape (states", "(2, 2)"),
    (lambda: stochastic(reward=np.stack([R2] * 3)), "reward", "first length 2", "(3, 3, 2, 2)"),
    (lambda: stochastic(reward=[[[10**400]]]), "reward", "numbers", "too large"),
    (lambda: stochastic(opponent_reward=O2[:2]), "opponent_reward", "(3, 2, 2)", "(2, 2, 2)"),
    (lambda: stochastic(P2[:2]), "transition", "(3, 2, 2, 3)", "(2, 2, 2, 3)"),
    (lambda: stochastic(P2[..., :2]), "transition", "(3, 2, 2, 3)", "(3, 2, 2, 2)"),
    (lambda: stochastic(None), "transition", "array of numbers", "it was None"),
    (lambda: stochastic(sparse.csr_array(P2[0].reshape(4, 3))), "transition", "(12, 3)", "(4, 3)"),
    (lambda: stochastic(discount=1), "discount", "[0, 1)", "it was 1"),
    (lambda: stochastic(discount=-0.1), "discount", "[0, 1)", "it was -0.1"),
    (lambda: stochastic(discount=np.nan), "discount", "[0, 1)", "it was nan"),
    (lambda: stochastic(discount="x"), "discount", "[0, 1)", "it was 'x'"),
    (lambda: stochastic().with_discount(2), "discount", "[0, 1)", "it was 2"),
    (lambda: stochastic(states=["a", "b"]), "states", "3 labels", "held 2"),
    (lambda: stochastic(states=["a", "b", "a"]), "states", "different", "entries 0 and 2"),
    (lambda: stochastic(states=["a", "", "b"]), "states", "non-empty", "entry 1"),
    (lambda: stochastic(states=["a", 2, "b"]), "states[1]", "string", "it was 2"),
    (lambda: stochastic(states="abc"), "states", "list of 3 labels", "'abc'"),
    (lambda: stochastic(states=["a", "b", "c\0"]), "states[2]", "NUL", r"'c\x00'"),
    (lambda: stochastic(actions=["CD", "CD"]), "actions", "2 lists", "'CD'"),
    (lambda: stochastic(actions=[["C", "D"]]), "actions", "2 lists", "['C', 'D']"),
    (lambda: stochastic(actions=[["C", "D"], ["L"]]), "actions[1]", "2 labels", "held 1"),
    (lambda: stochastic(players=["a"]), "players", "2 labels", "held 1"),
    (lambda: stochastic(name=3), "name", "string", "it was 3"),
    (lambda: stochastic(initial=3), "initial", "0..2", "it was 3"),
    (lambda: stochastic(initial="q"), "initial", "one of the states", "'q'"),
    (lambda: stochastic(initial=[0.5, 0.4, 0]), "initial", "sum to 1", "0.9"),
    (lambda: stochastic().against(2), "player", "0..1", "it was 2"),
    (lambda: stochastic().against(True), "player", "0..1", "True"),
    (lambda: stochastic().against(1), "player", "opponent_reward", "it was 1"),
    (lambda: tm.MatrixGame([1, 2]), "payoffs", "(players, *actions)", "(2,)"),
    (lambda: tm.MatrixGame(np.ones((3, 2, 2))), "payoffs", "(players, *actions)", "(3, 2, 2)"),
    (lambda: tm.MatrixGame([[1, np.nan]]), "payoffs", "finite", "[0, 1] was nan"),
    (lambda: tm.MatrixGame(np.zeros((2, 0, 2))), "payoffs", "(players, *actions)", "(2, 0, 2)"),
    (lambda: tm.games.named("stag-hnt"), "game", "one of", "did you mean 'stag-hunt'?"),
    (lambda: tm.games.penalty(1), "k", "<= 0", "it was 1"),
    (lambda: tm.iterated(tm.games.chicken(), -1), "memory", ">= 0", "it was -1"),
    (lambda: tm.iterated(tm.games.chicken(), 30), "memory", "1000000 states", "it was 30"),
    (lambda: tm.games.meeting(success=0.0), "success", "(0, 1]", "0.0"),
    (lambda: tm.games.pursuit(1), "size", "2..12", "it was 1"),
    (lambda: tm.games.random_game(0, seed=1), "states", ">= 1", "it was 0"),
    (lambda: tm.games.random_game(3, (2,), seed=1), "actions", "two players", "(2,)"),
    (lambda: tm.games.ring_game(2, seed=1), "states", ">= 3", "it was 2"),
    (lambda: tm.games.sparse_game(5, seed=1), "successors", "10 different", "5 states"),
    (
        lambda: tm.games.sparse_game(50, seed=1, local=True, window=60),
        "window", "10 different", "60 states",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("make", "argument", "rule", "was"), BAD)
def test_bad_input_names_argument_rule_and_value(make, argument, rule, was) -> None:
    with pytest.raises(tm.InputError) as caught:
        make()
    message = str(caught.value)
    assert message.startswith(f"{argument} must ")
    assert rule in message
    assert was in message


@pytest.mark.parametrize("as_sparse", [False, True])
@pytest.mark.parametrize(
    ("value", "words"),
    [
        (5.0, r"sum to 1.* summed to 5\.\d+"),
        (-0.1, ">= 0.* was -0.1"),
        (np.nan, "finite.* was nan"),
    ],
)
def test_a_bad_row_is_named_with_its_labels(value: float, words: str, as_sparse: bool) -> None:
    transition = bad(P2, (1, 0, 1, 2), value)
    given = sparse.csr_array(rows(transition)) if as_sparse else transition
    row = r"row \[s=1, a=0, b=1\]"
    with pytest.raises(tm.InputError, match=words) as caught:
        stochastic(given, **LABELS)
    assert re.search(row + r" \(state 'y'; actions 'C', 'R'\)", str(caught.value))
    with pytest.raises(tm.InputError, match=row + r"[, ]"):
        stochastic(given)


def test_rows_within_rounding_of_one_are_accepted_and_rows_beyond_are_not() -> None:
    close = bad(P2, (0, 0, 0, 0), P2[0, 0, 0, 0] + 5e-10)
    assert stochastic(close).transition[0, 0, 0, 0] == close[0, 0, 0, 0]
    with pytest.raises(tm.InputError, match="sum to 1"):
        stochastic(bad(P2, (0, 0, 0, 0), P2[0, 0, 0, 0] + 2e-9))


# -- the library -----------------------------------------------------------------------------------


def test_named_games_have_sources_names_and_labels() -> None:
    table = {row["name"]: row for row in tm.games.describe()}
    assert table.keys() == tm.games.REGISTRY.keys()
    for name in tm.games.REGISTRY:
        game = tm.games.named(name)
        assert game.name == name
        assert game.source
        assert game.actions is not None
        assert table[name]["actions"] == list(game.action_counts)
        assert "\n" not in table[name]["summary"]


def test_payoffs_from_the_sources() -> None:
    pay = {name: tm.games.named(name).payoffs for name in ("prisoners-dilemma", "tricky")}
    assert pay["prisoners-dilemma"].transpose(1, 2, 0).tolist() == [
        [[-1, -1], [-3, 0]],
        [[0, -3], [-2, -2]],
    ]  # FURTHER, Table 1
    assert tm.games.bach_or_stravinsky().payoffs.tolist() == [[[2, 0], [0, 1]], [[1, 0], [0, 2]]]
    assert tm.games.coordination().payoffs.tolist() == [[[4, 0], [0, 8]]] * 2
    assert tm.games.matching_pennies().payoffs[0].tolist() == [[1, -1], [-1, 1]]
    assert tm.games.climbing().payoffs[1].tolist() == [[11, -30, 0], [-30, 7, 6], [0, 0, 5]]
    assert tm.games.penalty(-7).payoffs[0].tolist() == [[10, 0, -7], [0, 2, 0], [-7, 0, 10]]
    assert pay["tricky"].tolist() == [[[0, 3], [1, 2]], [[3, 2], [0, 1]]]


@pytest.mark.parametrize(
    ("name", "row", "column"),
    [
        ("matching-pennies", (1 / 2, 1 / 2), (1 / 2, 1 / 2)),
        ("biased-pennies", (1 / 2, 1 / 2), (1 / 8, 7 / 8)),
        ("tricky", (1 / 2, 1 / 2), (1 / 2, 1 / 2)),
        ("rock-paper-scissors", (1 / 3,) * 3, (1 / 3,) * 3),
    ],
)
def test_mixed_equilibria_make_everyone_indifferent(name, row, column) -> None:
    a, b = tm.games.named(name).payoffs
    assert np.ptp(a @ column) < 1e-12
    assert np.ptp(row @ b) < 1e-12


@pytest.mark.parametrize("memory", [0, 1, 2, 3])
@pytest.mark.parametrize("name", ["prisoners-dilemma", "three-player-pennies", "climbing"])
def test_iterated_remembers_the_last_joint_actions(name: str, memory: int) -> None:
    base = tm.games.named(name)
    game = tm.iterated(base, memory, discount=0.7)
    counts = base.action_counts
    plays = list(itertools.product(*map(range, counts)))
    histories = [h for k in range(memory + 1) for h in itertools.product(plays, repeat=k)]
    assert game.num_states == len(histories)
    assert game.initial[0] == 1
    where = {h: s for s, h in enumerate(histories)}
    successor = np.asarray(game.transition_rows.argmax(axis=1)).reshape(-1, *counts)
    for history in histories[:: max(1, len(histories) // 50)]:
        for play in plays:
            want = where[(*history, play)[max(0, len(history) + 1 - memory) :] if memory else ()]
            assert successor[(where[history], *play)] == want
    for i in range(game.num_players):
        assert np.array_equal(
            game.player_reward(i), np.broadcast_to(base.payoffs[i], game.player_reward(i).shape)
        )


def test_iterated_states_are_labelled_by_what_was_played() -> None:
    assert tm.iterated(tm.games.prisoners_dilemma()).states == ("start", "CC", "CD", "DC", "DD")
    assert tm.iterated(tm.games.prisoners_dilemma(), 2).states[5:8] == ("CC/CC", "CC/CD", "CC/DC")
    # FACTS: state 1 + 2·a0 + a1
    game = tm.iterated(tm.games.bach_or_stravinsky())
    assert game.transition[0, 1, 0, 3] == 1


def test_grid_game_rules() -> None:
    game = tm.games.grid_game_1()
    up, right, left = (game.actions[0].index(move) for move in ("up", "right", "left"))
    at = game.states.index
    assert game.reward[0, right, left] == game.opponent_reward[0, right, left] == -1
    assert game.transition[0, right, left, 0] == 1  # both wanted the middle: nobody moves
    assert game.transition[0, up, up, at("1,0 1,2")] == 1
    assert game.reward[at("0,1 1,2"), right, left] == 100
    race = tm.games.grid_game_2()
    assert race.transition[0, up, up].max() == 0.25
    assert race.transition[0, up, left, race.states.index("1,0 2,1")] == 0.5
    end = race.states.index("end")
    assert race.reward[end].max() == 0
    assert (race.transition[end, ..., end] == 1).all()


def test_soccer_rules() -> None:
    game = tm.games.soccer()
    assert game.num_states == 2 * 20 * 19  # every pair of different cells, times the ball
    assert np.array_equal(game.reward, -game.opponent_reward)
    rows_ = game.transition.toarray().reshape(760, 5, 5, 760)
    actions = {name: k for k, name in enumerate(game.actions[0])}
    at = game.states.index
    s = at("1,0 2,3 agent")  # the ball beside the agent's goal line
    assert game.reward[s, actions["left"], actions["stay"]] == 1
    assert rows_[s, actions["left"], actions["stay"]].nonzero()[0].tolist() == [0, 1]
    s = at("1,1 1,2 agent")  # walking into the opponent hands over the ball
    assert rows_[s, actions["right"], actions["stay"], at("1,1 1,2 opponent")] == 1
    s = at("0,0 2,3 agent")  # the upper row is no goal
    assert game.reward[s, actions["left"], actions["stay"]] == 0


def test_meeting_and_pursuit_rules() -> None:
    game = tm.games.meeting(2, success=0.75)
    right = game.actions[0].index("right")
    stay = game.actions[0].index("stay")
    assert game.reward[game.states.index("0,1 0,1")].min() == 1
    assert game.reward[0].max() == 0
    assert game.transition[0, right, stay, game.states.index("0,1 1,1")] == 0.75
    chase = tm.games.pursuit(3)
    s = chase.states.index("0,0 0,1")
    left = chase.actions[0].index("left")
    assert chase.reward[s, right, left] == 1  # they would swap cells
    assert chase.reward[s, right, stay] == 1
    assert chase.reward[s, left, left] == 0


def test_four_rooms_walks_slips_and_stops_at_walls():
    game = tm.games.four_rooms(goal=(9, 9), success=0.7)
    place = {label: s for s, label in enumerate(game.states)}
    corner, goal = place["1,1"], place["9,9"]
    up, right = game.actions[0].index("up"), game.actions[0].index("right")
    assert game.transition[corner, right, 0, place["1,2"]] == pytest.approx(0.7)
    assert game.transition[corner, up, 0, corner] == pytest.approx(0.7 + 0.1)
    assert game.transition[goal, :, 0, goal] == pytest.approx(np.ones(4))
    assert game.transition.sum(axis=3) == pytest.approx(np.ones((104, 4, 1)))
    assert game.reward[goal].tolist() == [[0.0]] * 4
    assert game.reward.sum() == -4 * 103
    with pytest.raises(tm.InputError, match="not a wall"):
        tm.games.four_rooms(goal=(0, 0))
    with pytest.raises(tm.InputError, match="probability"):
        tm.games.four_rooms(success=1.5)
