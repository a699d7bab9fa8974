"""Spans as SLUICE_CONSOLE prints them, or as an agent exports them: OTLP's JSON."""


def value(encoded):
    kind, content = next(iter(encoded.items()))
    return int(content) if kind == "intValue" else content


def attributes_of(encoded):
    keys = [attribute["key"] for attribute in encoded]
    assert len(keys) == len(set(keys))
    return {attribute["key"]: value(attribute["value"]) for attribute in encoded}


def spans_of(requests):
    """The spans of OTLP's export requests, with their scopes' names as `target`,
    and their resources."""
    for request in requests:
        for resource in request.get("resourceSpans", ()):
            for scope in resource["scopeSpans"]:
                for span in scope["spans"]:
                    yield {
                        **span, "target": scope["scope"]["name"],
                        "resource": attributes_of(resource["resource"]["attributes"]),
                        "start": int(span["startTimeUnixNano"]),
                        "end": int(span["endTimeUnixNano"]),
                        "attributes": attributes_of(span["attributes"])}


def by_name(spans):
    return {span["name"]: span for span in spans}
