"""The messages that remote parsers speak, as protobuf classes made from the table below.

``parser.proto`` and ``calcite_parser.proto`` beside this file say the same to other languages. Why no code is
generated from them: docs/decisions/0008-messages-without-protoc.md.
"""

from functools import cache
from typing import Any

PROGRAM_SERVICE = "Parser"
"""Takes a program and a dialect."""
QUERY_SERVICE = "calcite.CalciteParser"
"""Takes one query; the first form of the protocol."""
METHOD = "Parse"

_TEXT, _TEXTS, _NUMBER, _FLAG = "string", "repeated string", "int32", "bool"
MESSAGES: dict[str, dict[str, dict[str, tuple[int, str]]]] = {
    "": {
        "ParserRequest": {"dialect": (1, _TEXT), "sql_program": (2, _TEXT)},
        "IOTables": {"input_tables": (1, _TEXTS), "output_tables": (2, _TEXTS)},
        "ParserResponse": {
            "sql_statements": (1, _TEXTS),
            "index": (2, _NUMBER),
            "error": (3, _TEXT),
            "input_output_tables": (4, "repeated IOTables"),
            "is_unfinished_select": (5, _FLAG),
        },
    },
    "calcite": {
        "CalciteParserRequest": {"query": (1, _TEXT)},
        "CalciteParserReply": {"sql": (1, _TEXT), "extension": (2, _TEXT), "error": (3, _TEXT)},
    },
}
"""By package and message: the number and the type of each field."""


@cache
def message_class(name: str) -> Any:
    """The protobuf class of a message, such as ``ParserRequest``."""
    from google.protobuf.message_factory import GetMessageClass

    return GetMessageClass(_pool().FindMessageTypeByName(name))


@cache
def _pool() -> Any:
    """Descriptors of their own: others may have loaded messages of the same names."""
    from google.protobuf.descriptor_pb2 import FileDescriptorProto
    from google.protobuf.descriptor_pool import DescriptorPool

    pool = DescriptorPool()
    for package, messages in MESSAGES.items():
        file = FileDescriptorProto(
            name=f"{package or 'parser'}.proto", package=package, syntax="proto3"
        )
        for name, fields in messages.items():
            message = file.message_type.add(name=name)
            for field, (number, kind) in fields.items():
                message.field.add(name=field, number=number, **_type(kind))
        pool.Add(file)
    return pool


def _type(kind: str) -> dict[str, Any]:
    from google.protobuf.descriptor_pb2 import FieldDescriptorProto as Field

    repeated, _, element = kind.rpartition(" ")
    label = Field.LABEL_REPEATED if repeated else Field.LABEL_OPTIONAL
    scalar = {"string": Field.TYPE_STRING, "int32": Field.TYPE_INT32, "bool": Field.TYPE_BOOL}
    if element in scalar:
        return {"label": label, "type": scalar[element]}
    return {"label": label, "type": Field.TYPE_MESSAGE, "type_name": f".{element}"}
