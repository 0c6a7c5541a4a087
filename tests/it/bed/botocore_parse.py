"""Reads answers of the Query API as SDKs do: a JSON line in, the parsed answer as a JSON line out."""

import json
import sys

from botocore.loaders import Loader
from botocore.model import ServiceModel
from botocore.parsers import create_parser

MODEL = ServiceModel(Loader().load_service_model("iam", "service-2"))
PARSER = create_parser("query")


def plain(value):
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value.isoformat()


for line in sys.stdin:
    asked = json.loads(line)
    if "operation" in asked:
        shape = MODEL.operation_model(asked["operation"]).output_shape
        answer = {"headers": {}, "body": asked["body"].encode(), "status_code": asked["status"]}
        parsed = PARSER.parse(answer, shape)
    else:
        parsed = list(MODEL.operation_names)
    print(json.dumps(parsed, default=plain), flush=True)
