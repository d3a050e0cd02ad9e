"""Where the issuer answers: its manifest's prefixes say all of its paths."""

import pytest

from apps.issuer import urls
from apps.issuer.apps import IssuerConfig
from foundation.manifest import furnish


def test_every_path_is_under_a_prefix_of_the_manifest():
    for each in urls.urlpatterns:
        assert str(each.pattern).partition("/")[0] in IssuerConfig.manifest.prefixes


def test_every_prefix_has_a_path():
    assert {str(each.pattern).partition("/")[0] for each in urls.urlpatterns} == set(IssuerConfig.manifest.prefixes)


def test_there_is_no_issuer_on_aws():
    assert not furnish([IssuerConfig], ["all"], "aws").served
    with pytest.raises(ValueError, match="issuer"):
        furnish([IssuerConfig], ["issuer"], "aws")
