"""The one base of every API view: parse, find the caller, validate, call, render; errors in the contract's shapes."""

import logging
from collections.abc import Callable, Iterator, Mapping
from typing import Any, ClassVar, cast

from django.core.exceptions import RequestDataTooBig, SuspiciousOperation
from django.http import HttpRequest, HttpResponseBase
from django.urls import Resolver404, resolve
from rest_framework import exceptions, serializers
from rest_framework.parsers import BaseParser, MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from foundation.body import issue, parsed
from foundation.errors import Invalid, MethodNotAllowed, NotFound, Problem, TooLarge, Unprocessable, allow
from foundation.identity import Caller, credential, identify
from foundation.records import MAXIMUM_PAGE, Page

logger = logging.getLogger(__name__)
CURSOR_HEADER = "X-Next-Cursor"
PAGING = ("limit", "cursor")


def issues_of(errors: Any, loc: list[str | int]) -> Iterator[Mapping[str, Any]]:
    """DRF's nested error details as a flat list of issues, each with the path to its field."""
    if isinstance(errors, Mapping):
        for name, inner in errors.items():
            yield from issues_of(inner, loc if name == "non_field_errors" else [*loc, name])
    elif isinstance(errors, list):
        for place, inner in enumerate(errors):
            nested = isinstance(inner, Mapping | list)
            yield from issues_of(inner, [*loc, place] if nested else loc)
    else:
        kind = "missing" if errors.code == "required" else str(errors.code)
        yield issue(kind, loc, str(errors))


class Endpoint(APIView):
    """One URL with one method. A subclass has `post(caller, wanted)` or `get(caller, **path)` and returns what to render.

    request: the serializer of the body, whose validated data is `wanted`; None: no body, and `post(caller)`.
    query: the serializer of the query string, whose validated data is passed on as keywords; a name that neither it nor
    `paged` knows is refused. Without one, the query is not read.
    response: the serializer of the answer, with its JSON schema as SCHEMA where its fields do not tell that. many: the answer
    is a list of it.
    refusal: the serializer of what `failure` says, where that is not the platform's own.
    form: the body is multipart/form-data, with a file among its fields. file: the media type of an answer that is a file.
    paged: takes `limit` and `cursor` from the query, passed on as keywords; the method returns a Page, whose cursor goes
    into the X-Next-Cursor header, so that the body stays the plain list of the contract.
    open: needs no caller, and the method gets none.
    success: the status of a good answer; a method may set one of `other_successes` for its own answer. other_refusals: the
    statuses of refusals that not every endpoint has. asks_models: a model has a part in the answer. tells: the headers
    that an answer may have, each with what it says.
    credential: which security scheme of the OpenAPI document `caller` reads.
    """

    request_shape: ClassVar[type[serializers.BaseSerializer[Any]] | None] = None
    query_shape: ClassVar[type[serializers.Serializer[Any]] | None] = None
    response_shape: ClassVar[type[serializers.BaseSerializer[Any]] | None] = None
    refusal_shape: ClassVar[type[serializers.BaseSerializer[Any]] | None] = None
    form: ClassVar[bool] = False
    file: ClassVar[str] = ""
    many: ClassVar[bool] = False
    paged: ClassVar[bool] = False
    open: ClassVar[bool] = False
    credential: ClassVar[str] = "bearer"
    success: int = 200
    other_successes: ClassVar[tuple[int, ...]] = ()
    other_refusals: ClassVar[tuple[int, ...]] = ()
    asks_models: ClassVar[bool] = False
    tells: ClassVar[Mapping[str, str]] = {}
    http_method_names = ["get", "post", "put", "patch", "delete", "head"]

    def dispatch(self, request: HttpRequest, *args: Any, **path: Any) -> HttpResponseBase:
        self.args, self.kwargs = args, path
        asked = self.initialize_request(request, *args, **path)
        self.request, self.headers = asked, {}
        try:
            response = cast(Response, self._answer(asked, path))  # DRF's own finalize_response takes any
        except Exception as raised:
            response = self._failed(as_problem(raised, request.path))
        self.response = self.finalize_response(asked, response, *args, **path)
        return self.response

    @classmethod
    def answering(cls, method: str) -> type["Endpoint"]:
        """The endpoint that answers a method at this URL."""
        return cls

    def get_parsers(self) -> list[BaseParser]:
        """What DRF parses: forms; JSON is parsed in body.py."""
        return [MultiPartParser()]

    def _given(self, request: Request) -> Any:
        """The body, where there is one to read."""
        if self.request_shape is None:
            return None
        return form_of(request) if self.form else parsed(request.body, request.content_type or "")

    def _answer(self, request: Request, path: Mapping[str, Any]) -> HttpResponseBase:
        self.initial_negotiation(request)
        if request.method == "OPTIONS":
            return Response(status=204, headers=allow(self.allowed_methods))
        handler = getattr(self, str(request.method).lower(), None)
        if request.method not in self.allowed_methods or handler is None:
            raise MethodNotAllowed(self.allowed_methods)
        given = self._given(request)
        callers = [] if self.open else [self.caller(request)]
        page = paging(request.query_params) if self.paged else {}
        result = handler(*callers, *self._wanted(given), **path, **page, **self._asked_by_query(request))
        return self._rendered(result) if not isinstance(result, HttpResponseBase) else result  # a file is as it is

    def caller(self, request: Request) -> Caller:
        """The application on whose behalf this is done; a subclass for another kind of caller overrides it."""
        return identify(credential({name.lower(): value for name, value in request.headers.items()}))

    def failure(self, problem: Problem) -> tuple[int, Mapping[str, Any]]:
        """A problem as this endpoint says it: status and body; a subclass that speaks another dialect overrides it."""
        return problem.status, problem.body()

    def _failed(self, problem: Problem) -> Response:
        status, body = self.failure(problem)
        return Response(dict(body), status=status, headers=dict(problem.told))

    def initial_negotiation(self, request: Request) -> None:
        """The one renderer there is, whatever the Accept header says."""
        request.accepted_renderer = self.get_renderers()[0]
        request.accepted_media_type = request.accepted_renderer.media_type

    def _wanted(self, given: Any) -> list[Any]:
        if self.request_shape is None:
            return []
        asked = self.request_shape(data=given)
        if not asked.is_valid():
            raise Unprocessable(list(issues_of(asked.errors, ["body"])), self.request.path)
        return [asked.validated_data]

    def _asked_by_query(self, request: Request) -> Mapping[str, Any]:
        if self.query_shape is None:
            return {}
        asked = self.query_shape(data=request.query_params)
        known = (*asked.fields, *(PAGING if self.paged else ()))
        unknown = [
            issue("unknown", ["query", name[:64]], f"this is no filter; there are {', '.join(known)}")
            for name in request.query_params
            if name not in known
        ]
        if unknown:
            raise Unprocessable(unknown, self.request.path)
        if not asked.is_valid():
            raise Unprocessable(list(issues_of(asked.errors, ["query"])), self.request.path)
        return dict(asked.validated_data)

    def _rendered(self, result: Any) -> Response:
        headers = {}
        if isinstance(result, Page):
            headers = {CURSOR_HEADER: result.cursor} if result.cursor else {}
            result = result.items
        body = result if self.response_shape is None else self.response_shape(result, many=self.many).data
        return Response(body, status=self.success, headers=headers)


class SeveralMethods(Endpoint):
    """One URL with several methods, each of which is an Endpoint of its own (see `by_method`)."""

    endpoints: ClassVar[Mapping[str, type[Endpoint]]] = {}

    @classmethod
    def answering(cls, method: str) -> type[Endpoint]:
        return cls.endpoints.get("GET" if method == "HEAD" else method.upper(), cls)

    def dispatch(self, request: HttpRequest, *args: Any, **path: Any) -> HttpResponseBase:
        endpoint = self.answering(str(request.method))
        if isinstance(self, endpoint):
            return super().dispatch(request, *args, **path)
        return endpoint.as_view()(request, *args, **path)


def by_method(**endpoints: type[Endpoint]) -> type[SeveralMethods]:
    """The endpoint of a URL that has a method for each keyword: `by_method(get=ListFiles, post=UploadFile)`."""
    named = {method.upper(): endpoint for method, endpoint in endpoints.items()}
    first = next(iter(endpoints.values()))
    methods = {method: getattr(endpoint, method) for method, endpoint in endpoints.items()}
    return type(
        first.__name__, (SeveralMethods,), {"__doc__": first.__doc__, "failure": first.failure, "endpoints": named, **methods}
    )


def failure_at(path: str) -> Callable[[Problem], tuple[int, Mapping[str, Any]]]:
    """How the endpoint of a path says a problem that was met before Django had the request."""
    try:
        view = resolve(path).func
    except Resolver404:
        return Endpoint().failure
    endpoint: type[Endpoint] = getattr(view, "cls", Endpoint)
    return endpoint().failure


def form_of(request: Request) -> Any:
    """The fields and files of a form; Unprocessable for a body that is none."""
    try:
        return request.data
    except (exceptions.ParseError, exceptions.UnsupportedMediaType, SuspiciousOperation) as refused:
        raise Unprocessable([issue("content_type", ["body"], f"the body must be multipart/form-data: {refused}")]) from refused


def paging(query: Mapping[str, str]) -> Mapping[str, Any]:
    """`limit` and `cursor` of a list, from its query."""
    limit = query.get("limit") or str(MAXIMUM_PAGE)
    if not limit.isascii() or not limit.isdigit() or len(limit) > 9 or not 1 <= int(limit) <= MAXIMUM_PAGE:
        raise Invalid(f"limit ({limit[:20]}) must be a whole number from 1 to {MAXIMUM_PAGE}")
    return {"limit": int(limit), "cursor": query.get("cursor") or None}


def as_problem(raised: Exception, path: str) -> Problem:
    """The error of errors.py that an exception stands for; what nobody expected is logged and says nothing."""
    match raised:
        case Unprocessable():
            raised.instance = path
            return raised
        case Problem():
            return raised
        case UnicodeError():
            return Unprocessable([issue("json_invalid", ["body"], f"the body is not valid JSON: {raised}")], path)
        case RecursionError():  # JSON that could just be read, and is too deep to be written
            return Unprocessable([issue("json_invalid", ["body"], "the body is nested too deeply")], path)
        case exceptions.NotFound():
            return NotFound("Not Found")
        case RequestDataTooBig():
            return TooLarge("the body is larger than the limit of this platform (BODY_LIMIT_MB)")
    logger.error("unexpected failure at %s", path, exc_info=raised)
    return Problem("The platform failed unexpectedly; the failure is in its log.")
