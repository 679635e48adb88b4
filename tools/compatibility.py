"""What a newer document takes from those who rely on an older one: each break in a line.

Operations, statuses, members of answers and words of requests may be added, not taken away; a request that
was good stays good, and an answer stays one that its readers know.
"""

from collections.abc import Iterator, Mapping
from typing import Any

Node = Mapping[str, Any]

# The least of these may not grow in a request, the most may not shrink; in an answer it is the other way.
_FLOORS = ("minimum", "minLength", "minItems", "minProperties")
_CEILINGS = ("maximum", "maxLength", "maxItems", "maxProperties")
_EXACT = ("pattern", "format", "const", "uniqueItems", "not", "oneOf", "additionalProperties")


def breaks(old: Node, new: Node) -> list[str]:
    """What breaks for clients of `old` that meet `new`; empty where nothing does."""
    return list(_Comparison(old, new).found())


class _Comparison:
    def __init__(self, old: Node, new: Node) -> None:
        self._old, self._new = old, new
        # Pairs of schemas that are being compared, so that one in itself ends.
        self._met: set[tuple[str, str, bool]] = set()

    def found(self) -> Iterator[str]:
        for path, methods in self._old["paths"].items():
            for method, operation in methods.items():
                where = f"{method.upper()} {path}"
                newer = self._new["paths"].get(path, {}).get(method)
                if newer is None:
                    yield f"{where} is gone"
                else:
                    yield from self._operation(where, operation, newer)

    def _operation(self, where: str, old: Node, new: Node) -> Iterator[str]:
        if old["operationId"] != new["operationId"]:
            yield f"{where}: its name {old['operationId']} is now {new['operationId']}"
        if not old["security"] and new["security"]:
            yield f"{where} asks for a token now"
        yield from self._parameters(where, old, new)
        yield from self._body(where, old, new)
        for status, answer in old["responses"].items():
            if status not in new["responses"]:
                yield f"{where}: status {status} is gone"
            else:
                yield from self._answer(f"{where} {status}", answer, new["responses"][status])

    def _parameters(self, where: str, old: Node, new: Node) -> Iterator[str]:
        olds, news = self._by_name(self._old, old), self._by_name(self._new, new)
        for name, parameter in olds.items():
            if name not in news:
                yield f"{where}: parameter {name} is gone"
            else:
                if news[name].get("required") and not parameter.get("required"):
                    yield f"{where}: parameter {name} is needed now"
                yield from self.schema(f"{where} {name}", parameter["schema"], news[name]["schema"], True)
        for name in news.keys() - olds.keys():
            if news[name].get("required"):
                yield f"{where}: a new parameter {name} is needed"

    def _by_name(self, document: Node, operation: Node) -> dict[str, Node]:
        parameters = (_resolved(document, one) for one in operation["parameters"])
        return {f"{one['in']} {one['name']}": one for one in parameters}

    def _body(self, where: str, old: Node, new: Node) -> Iterator[str]:
        before, after = old.get("requestBody"), new.get("requestBody")
        if before is None:
            if after is not None and after.get("required"):
                yield f"{where}: a body is needed now"
            return
        if after is None:
            yield f"{where}: no body is taken any more"
            return
        if after.get("required") and not before.get("required"):
            yield f"{where}: a body is needed now"
        for kind, content in before["content"].items():
            if kind not in after["content"]:
                yield f"{where}: {kind} is not taken any more"
            else:
                yield from self.schema(
                    f"{where} body", content["schema"], after["content"][kind]["schema"], True
                )

    def _answer(self, where: str, old: Node, new: Node) -> Iterator[str]:
        before, after = _resolved(self._old, old), _resolved(self._new, new)
        for name, node in before.get("headers", {}).items():
            header = _resolved(self._old, node)
            other = after.get("headers", {}).get(name)
            if other is None or (header.get("required") and not _resolved(self._new, other).get("required")):
                yield f"{where}: header {name} is gone, or not always there"
        for kind, content in before.get("content", {}).items():
            if kind not in after.get("content", {}):
                yield f"{where}: {kind} is not answered any more"
            else:
                yield from self.schema(where, content["schema"], after["content"][kind]["schema"], False)

    def schema(self, where: str, old: Node, new: Node, is_request: bool) -> Iterator[str]:
        """Breaks of a schema: of requests nothing may be narrower, of answers nothing wider."""
        if "$ref" in old or "$ref" in new:
            pair = (old.get("$ref", where), new.get("$ref", where), is_request)
            if pair in self._met:
                return
            self._met.add(pair)
        old, new = _resolved(self._old, old), _resolved(self._new, new)
        yield from self._members(where, old, new, is_request)
        yield from _kinds(where, old, new, is_request)
        yield from _bounds(where, old, new, is_request)
        if "items" in old and "items" in new:
            yield from self.schema(f"{where}[]", old["items"], new["items"], is_request)
        yield from self._alternatives(where, old, new, is_request)

    def _members(self, where: str, old: Node, new: Node, is_request: bool) -> Iterator[str]:
        before, after = old.get("properties", {}), new.get("properties", {})
        needed, needed_now = set(old.get("required", [])), set(new.get("required", []))
        for name, member in before.items():
            if name not in after:
                yield f"{where}.{name} is gone"
            else:
                yield from self.schema(f"{where}.{name}", member, after[name], is_request)
        changed = needed_now - needed if is_request else needed - needed_now
        for name in sorted(changed & (before.keys() | after.keys())):
            yield f"{where}.{name} is needed now" if is_request else f"{where}.{name} is not always there"

    def _alternatives(self, where: str, old: Node, new: Node, is_request: bool) -> Iterator[str]:
        """Each alternative that has to be found on the other side is; in the order of the document."""
        before, after = old.get("anyOf"), new.get("anyOf")
        if before is None and after is None:
            return
        sides = (before or [old], after or [new])
        for one in sides[0] if is_request else sides[1]:
            others = sides[1] if is_request else sides[0]
            pairs = [(one, other) if is_request else (other, one) for other in others]
            if all(
                list(_Comparison(self._old, self._new).schema(where, *pair, is_request)) for pair in pairs
            ):
                yield f"{where}: an alternative is {'not taken any more' if is_request else 'new'}"


def _kinds(where: str, old: Node, new: Node, is_request: bool) -> Iterator[str]:
    """Types and words: a request takes all that it took, an answer brings nothing that is new to readers."""
    before, after = _types(old), _types(new)
    wide, narrow = (before, after) if is_request else (after, before)
    is_anything = not wide and not {"anyOf", "oneOf"} & (old if is_request else new).keys()
    if narrow and (is_anything or not wide <= narrow):
        yield f"{where}: its type was {sorted(before)} and is {sorted(after)}"
    words, words_now = set(map(repr, old.get("enum", []))), set(map(repr, new.get("enum", [])))
    if is_request and words_now and not words <= words_now:
        yield f"{where}: words are gone: {sorted(words - words_now)}"
    if is_request and words_now and not words and "const" not in old:
        yield f"{where}: only some words are taken now"
    if not is_request and words and not words_now <= words:
        yield f"{where}: words are new, and readers were told of no others: {sorted(words_now - words)}"


def _bounds(where: str, old: Node, new: Node, is_request: bool) -> Iterator[str]:
    for keywords, sign in ((_FLOORS, 1), (_CEILINGS, -1)):
        for keyword in keywords:
            narrow, wide = (new, old) if is_request else (old, new)
            if keyword in narrow and (keyword not in wide or sign * (narrow[keyword] - wide[keyword]) > 0):
                yield f"{where}: {keyword} was {old.get(keyword)} and is {new.get(keyword)}"
    for keyword in _EXACT:
        demanding, other = (new, old) if is_request else (old, new)
        if keyword in demanding and demanding[keyword] != other.get(keyword):
            yield f"{where}: {keyword} was {old.get(keyword)} and is {new.get(keyword)}"


def _types(schema: Node) -> set[str]:
    kinds = schema.get("type", [])
    return {kinds} if isinstance(kinds, str) else set(kinds)


def _resolved(document: Node, node: Node) -> Node:
    if "$ref" not in node:
        return node
    place: Any = document
    for part in node["$ref"].split("/")[1:]:
        place = place[part]
    return {**place, **{key: value for key, value in node.items() if key != "$ref"}}
