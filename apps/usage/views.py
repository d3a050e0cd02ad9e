"""/usage over HTTP."""

from datetime import date

from apps.usage import serializers, services
from apps.usage.records import DayUsage, Invocation
from foundation.endpoint import Endpoint
from foundation.identity import Caller
from foundation.records import Page


class Daily(Endpoint):
    """The caller's model calls by day and model, oldest first."""

    query_shape = serializers.DailyQuery
    response_shape = serializers.DailyUsage
    many = True
    paged = True

    def get(
        self, caller: Caller, limit: int, cursor: str | None, start_date: date | None = None, end_date: date | None = None
    ) -> Page[DayUsage]:
        return services.daily(caller.application, start_date, end_date, limit=limit, cursor=cursor)


class Calls(Endpoint):
    """The caller's model calls one by one, newest first: how each ended, what it cost, and where it ran."""

    query_shape = serializers.DailyQuery
    response_shape = serializers.OneCall
    many = True
    paged = True

    def get(
        self, caller: Caller, limit: int, cursor: str | None, start_date: date | None = None, end_date: date | None = None
    ) -> Page[Invocation]:
        return services.calls(caller.application, start_date, end_date, limit=limit, cursor=cursor)
