"""docs/cost.md and docs/parity.md: what they say follows from the templates, and is what was asked for."""

import pytest

from deploy.cloudformation import cost, parity, prices
from deploy.cloudformation.cost import bill, original, ours, total

CEILING = 0.4  # of the original's idle cost, under which Small stays


def test_small_costs_less_than_two_fifths_of_the_original_even_before_that_has_vectors() -> None:
    small = total(bill(ours("Small")))
    assert 0 < small < CEILING * total(bill(original(vectors=False))) < CEILING * total(bill(original(vectors=True)))


def test_small_at_rest_is_seven_small_containers_one_gateway_one_balancer_and_nothing_for_vectors() -> None:
    at_rest = bill(ours("Small"))
    assert (at_rest[prices.VCPU], at_rest[prices.MEMORY]) == (7 * 0.25, 7 * 0.5)
    assert (at_rest[prices.NAT], at_rest[prices.BALANCER], at_rest[prices.KEY], at_rest[prices.SECRET]) == (1, 1, 2, 1)
    assert prices.ENDPOINT not in at_rest
    assert at_rest[prices.OCU] == 0


def test_the_original_is_priced_as_its_templates_are() -> None:
    known = bill(original(vectors=False))
    assert (known[prices.VCPU], known[prices.NAT], known[prices.BALANCER], known[prices.ENDPOINT]) == (8 * 0.25, 2, 2, 18)
    assert bill(original(vectors=True))[prices.OCU] == cost.CLASSIC_OCUS


def test_a_kind_of_resource_that_no_table_knows_stops_the_computation() -> None:
    with pytest.raises(ValueError, match="AWS::RDS::DBInstance is neither priced nor known as free"):
        bill({"Database": {"Type": "AWS::RDS::DBInstance", "Properties": {}}})


def test_every_resource_of_the_original_has_a_counterpart_or_a_reason() -> None:
    known = parity.originals()
    assert len(known) == 151
    assert all(each.purpose and (each.ours or each.why) for each in known)
    assert all([*parity.matching(place)] for each in known for place in each.ours)


def test_a_counterpart_that_does_not_exist_stops_the_page() -> None:
    assert [*parity.matching("keys.DataKey")] == ["DataKey"]
    assert [*parity.matching("keys.NoSuchKey")] == []
