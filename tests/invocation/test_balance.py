"""In which order a call goes to deployments and fallbacks."""

from collections import Counter
from itertools import islice

from apps.applications.records import Policy
from apps.invocation.balance import itinerary, ordered
from apps.invocation.records import Deployment, Kind, Model
from foundation.settings import CHOSEN
from tests.upstream.checking import listed

ANY = Policy("an application that may call every model")


def place(name: str, weight: int = 1) -> Deployment:
    return Deployment(name, "openai_compatible", name, base_url=f"http://{name}/v1", weight=weight)


def model(*places: Deployment, fallbacks: tuple[str, ...] = ()) -> Model:
    return Model("m", "", Kind.TEXT, "", deployments=places, fallbacks=fallbacks)


def first(places: Model, times: int) -> Counter[str]:
    """How often each deployment comes first."""
    return Counter(ordered(places)[0].deployment.name for _ in range(times))


def test_each_deployment_gets_its_share_by_weight():
    counted = first(model(place("a", 3), place("b", 1)), 2000)
    assert 1350 < counted["a"] < 1650  # 1,500 expected; 7 standard deviations either way


def test_equal_weights_are_equal_shares():
    counted = first(model(place("a"), place("b"), place("c"), place("d")), 2000)
    assert all(365 < counted[name] < 635 for name in "abcd")


def test_weight_zero_comes_last_as_listed():
    for _ in range(50):
        names = [each.deployment.name for each in ordered(model(place("z", 0), place("a"), place("y", 0), place("b")))]
        assert (set(names[:2]), names[2:]) == ({"a", "b"}, ["z", "y"])


def test_only_deployments_of_providers_that_there_are_count():
    odd = Deployment("odd", "no_such_provider", "x")
    assert [each.deployment.name for each in ordered(model(odd, place("a")))] == ["a"]


def test_a_lone_deployment_is_tried_twice_before_a_fallback_answers_in_its_stead():
    with listed(place("b1"), place("b2")) as second, listed(place("c")) as third:
        way = [(each.model.name, each.deployment.name) for each in itinerary(model(place("a"), fallbacks=(second, third)), ANY)]
    assert way[:2] == [("m", "a"), ("m", "a")]
    assert {name for _, name in way[2:4]} == {"b1", "b2"} and {name for name, _ in way[2:4]} == {second}
    assert way[4:6] == [(third, "c"), (third, "c")]


def test_the_way_goes_round_again_and_ends():
    way = [each.deployment.name for each in itinerary(model(place("a"), place("b")), ANY)]
    assert len(way) == 2 * (CHOSEN.route_tries + 1) and set(way) == {"a", "b"}


def test_fallbacks_that_cannot_be_called_are_left_out():
    with listed(place("b")) as good:
        way = itinerary(model(place("a"), fallbacks=("gone", "TITAN_TEXT_LITE_V1", "all-minilm-l6-v2", good)), ANY)
        assert [each.model.name for each in islice(way, 3)] == ["m", "m", good]
