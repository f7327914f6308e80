"""The pods that a set of objects will lead to, whoever creates them."""

import copy

from acceptance.argo_pod import argo_pods
from acceptance.manifest import Manifest, of_kind


def job_pods(objects: list[Manifest]) -> list[tuple[str, Manifest]]:
    """The first pod of every Job by the Job's name, with what the Job controller sets in it."""
    found = []
    for job in of_kind(objects, "Job"):
        name, template = job["metadata"]["name"], copy.deepcopy(job["spec"]["template"])
        metadata = {"name": f"{name}-0", **(template.get("metadata") or {})}
        metadata["labels"] = {"batch.kubernetes.io/job-name": name, "job-name": name} | (metadata.get("labels") or {})
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": template["spec"]}
        if job["spec"].get("completionMode") == "Indexed":
            index = "batch.kubernetes.io/job-completion-index"
            metadata["labels"][index] = "0"
            metadata["annotations"] = {index: "0"} | (metadata.get("annotations") or {})
            pod["spec"]["hostname"] = f"{name}-0"
        found.append((name, pod))
    return found


def all_pods(objects: list[Manifest]) -> list[tuple[str, Manifest]]:
    found = job_pods(objects)
    for workflow in of_kind(objects, "Workflow"):
        found += argo_pods(workflow)
    return found + [(pod["metadata"]["name"], pod) for pod in of_kind(objects, "Pod")]
