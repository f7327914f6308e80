"""OSMO's dataset config: buckets."""

from typing import Any

from osmoc.administration.credentials import secret_name, take_data_credential
from osmoc.administration.fields import Fields, essential
from osmoc.administration.remarks import Kind, refusal
from osmoc.profile import Bucket, Datasets


def convert_datasets(fields: Fields) -> dict[str, Any]:
    buckets = {name: _bucket(name, item) for name, item in fields.named("buckets").items()}
    default = fields.text("default_bucket")
    if default and default not in buckets:
        fields.remarks.make(Kind.LEFT_OUT, fields.where.below("default_bucket"), f"there is no bucket `{default}`")
        default = ""
    fields.end()
    return essential(Datasets, {"default_bucket": default, "buckets": buckets})


def _bucket(name: str, fields: Fields) -> dict[str, Any]:
    bucket = {"url": fields.text("dataset_path"), "region": fields.text("region"), "mode": fields.text("mode")}
    if bucket["mode"] not in ("", "read-only", "read-write"):
        raise refusal(fields.where.below("mode"), "`read-only` or `read-write` is expected")
    if "default_credential" in fields:
        secret = secret_name("osmo-bucket", name)
        place = take_data_credential(fields.below("default_credential"), secret, f"datasets of the bucket `{name}`")
        bucket |= {"secret": secret, "endpoint": place.get("endpoint", "")}
        bucket["region"] = bucket["region"] or place.get("region", "")
    else:
        message = "without a credential of its own, that of `storage` is used: name another Secret with `secret`"
        fields.remarks.make(Kind.TO_DO, fields.where, message)
    fields.leave_out("a bucket has none", "description")
    fields.ignore("default_credential")
    fields.end()
    return essential(Bucket, bucket)
