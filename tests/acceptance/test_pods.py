from acceptance.pods import all_pods, job_pods
from acceptance.samples import REMOVED, argo_objects, changed, job_objects


def test_the_pod_of_an_indexed_job_is_called_by_its_index() -> None:
    objects = job_objects()
    [(name, pod)] = job_pods(objects)

    assert name == "train-7f3c-lead"
    assert pod["spec"]["hostname"] == "train-7f3c-lead-0"
    assert pod["metadata"]["labels"]["batch.kubernetes.io/job-completion-index"] == "0"
    assert pod["metadata"]["labels"]["osmo.task_name"] == "lead"
    assert objects == job_objects()


def test_the_pod_of_another_job_keeps_its_host_name() -> None:
    [(_, pod)] = job_pods(changed(job_objects(), "Job", "spec.completionMode", REMOVED))

    assert "hostname" not in pod["spec"]


def test_all_pods_are_those_of_jobs_workflows_and_those_by_themselves() -> None:
    alone = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "alone"}, "spec": {"containers": []}}

    assert [name for name, _ in all_pods([*argo_objects(), *job_objects(), alone])] == [
        "train-7f3c-lead",
        "train-7f3c.prep",
        "train-7f3c.train-group.lead(0)",
        "train-7f3c.train-group.worker(0)",
        "alone",
    ]
