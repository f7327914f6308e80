"""Every kind of finding, in one table. The long form of each is `osmoc/explain/<id>.yaml`.

Numbers by subject: 0xx file and template, 1xx shape of the YAML, 2xx names, references and tokens, 3xx data and
order, 4xx exit actions and time, 5xx resources and placement, 6xx files, environment and credentials, 7xx profile,
8xx targets and their limits, 9xx the cluster that a run is applied to. A number is never used twice.
"""

from dataclasses import dataclass
from enum import Enum
from typing import Final


class Severity(Enum):
    """Errors end a run with status 1, warnings do not; a note says what the cluster must have."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


@dataclass(frozen=True, slots=True)
class Code:
    """A kind of finding. `summary` is the first line of `osmoc explain`."""

    id: str
    severity: Severity
    summary: str


TABLE: Final[dict[str, Code]] = {}


def _code(id: str, summary: str) -> Code:
    severity = {"E": Severity.ERROR, "W": Severity.WARNING, "N": Severity.NOTE}[id[0]]
    assert id not in TABLE, id
    TABLE[id] = Code(id, severity, summary)
    return TABLE[id]


# 0xx: file and template
NOT_UTF8 = _code("E001", "the file is not UTF-8 text")
CONTROL_CHARACTER = _code("E002", "a character that no YAML file may hold")
YAML_SYNTAX = _code("E003", "the text is not valid YAML")
NO_WORKFLOW = _code("E004", "the file has no `workflow:` section")
UNKNOWN_SECTION = _code("E005", "a key at the start of a line that is no section of a workflow file")
DUPLICATE_SECTION = _code("E006", "a section stands twice in the file")
BAD_VERSION = _code("E007", "a version of the language other than 2")
BAD_DEFAULTS = _code("E008", "`default-values` is not a mapping")
TOO_LARGE = _code("E009", "the document is too large, or grows too large when it is read")
TEMPLATE_SYNTAX = _code("E010", "the template is not valid Jinja")
UNDEFINED_VARIABLE = _code("E011", "the template uses a variable that has no value")
TEMPLATE_FAILED = _code("E012", "an expression of the template failed")
TEMPLATE_LIMIT = _code("E013", "the template takes too much time or memory")
TOKEN_IN_RAW = _code("E014", "a token within `{% raw %}`")
LOCALPATH = _code("E015", "a local file cannot be read")
DUPLICATE_KEY = _code("W020", "a key stands twice in one mapping")
LOST_STATEMENT = _code("W021", "a template statement outside the workflow section has no effect")
UNUSED_VALUE = _code("W022", "a template value that nothing uses")
WORD_VALUE = _code("W023", "a `--set` value that stays text although it looks like something else")
CHANGED_NUMBER = _code("W024", "a `--set` value that is printed differently than it was given")
SET_TWICE = _code("W025", "one key given to both `--set` and `--set-string`")
TEMPLATE_IN_FILE = _code("W026", "a local file that holds what OSMO would take for a template")
OUTSIDE_FOLDER = _code("W027", "a local file outside the folder of the workflow")

# 1xx: the shape of the YAML
UNKNOWN_KEY = _code("E101", "a key that is not allowed here")
MISSING_KEY = _code("E102", "a required key is missing")
NULL_VALUE = _code("E103", "a key without a value")
WRONG_TYPE = _code("E104", "a value of the wrong type")
WRONG_KIND = _code("E105", "an input or output that is not exactly one kind of data")
DATASET_STRING = _code("E106", "a dataset given as a string")
TASKS_AND_GROUPS = _code("E107", "a workflow needs either `tasks` or `groups`")
EMPTY_LIST = _code("E108", "a list that needs an element")
YAML_BOOLEAN = _code("W120", "YAML reads a word as a boolean where text is expected")
YAML_NUMBER = _code("W121", "YAML reads a number that is written differently than it reads")
IGNORED_KEY = _code("W122", "a key that has no effect")

# 2xx: names, references, tokens
BAD_NAME = _code("E201", "a name that is not allowed")
NAME_TOO_LONG = _code("E202", "a name that is too long")
NAME_CLASH = _code("E203", "two names that are the same to a cluster")
UNKNOWN_TASK = _code("E204", "an input names a task that the workflow does not have")
RESERVED_NAME = _code("E205", "a name that belongs to the system")
UNKNOWN_RESOURCE = _code("E206", "a task names a resource that the workflow does not declare")
LEADS = _code("E207", "a group without exactly one lead")
TOKEN_INDEX = _code("E210", "an input token beyond the inputs of its task")
TOKEN_TASK = _code("E211", "a token names a task that it cannot reach")
TOKEN_FORM = _code("E212", "a token in a form that is never replaced")
TOKEN_OUTSIDE = _code("E213", "a token outside a task")
HOST_ALONE = _code("W220", "a host token in a group of one task")
TOKEN_PLACE = _code("W221", "a token where it makes no sense")
NO_CHOICE = _code("W222", "a setting for groups on a task that is alone")
UNUSED_RESOURCE = _code("W223", "a resource that no task uses")

# 3xx: data and order
CYCLE = _code("E301", "groups that wait for each other")
SAME_GROUP = _code("E302", "a task that reads from its own group")
BAD_REGEX = _code("E303", "a regular expression that does not compile")
BAD_URL = _code("E304", "a URL that no storage understands")
BAD_DATASET = _code("E305", "a dataset name that is not allowed")
DATASET_TAG = _code("E306", "a tag that a workflow cannot give")
DATASET_PATH = _code("E307", "a path that leaves the output directory")
DATASET_LOCALPATH = _code("E308", "a dataset to be uploaded first")
BAD_REFERENCE = _code("E309", "a reference to an earlier workflow that is not allowed")
URL_SECRET = _code("E310", "a URL with a password or a signature")
FORWARD_REFERENCE = _code("W320", "an input from a task that stands further down")
FORWARD_DATASET = _code("W321", "a dataset that is written further down")
DATASET_OWN_GROUP = _code("W322", "a dataset that its own group writes")
TWO_WRITERS = _code("W323", "two tasks write the same data in no order")
OTHER_WORKFLOW = _code("W324", "data of an earlier workflow cannot be checked")
GLOB_REGEX = _code("W325", "a regular expression that looks like a shell pattern")
URL_CHARACTER = _code("W326", "a URL with a character that storage takes literally")
UNWRITTEN_OUTPUT = _code("W327", "outputs of a task that never mentions its output directory")
UNREAD_INPUT = _code("W328", "inputs of a task that never mentions them")
WRONG_DIRECTORY = _code("W329", "a directory that OSMO does not have")
UPDATE_UNKNOWN = _code("W330", "an update of a dataset that this workflow does not write")
NON_LEAD_READ = _code("N331", "data of a task that ends when its lead does")

# 4xx: exit actions and time
BAD_ACTION = _code("E401", "an exit action that does not exist")
BAD_CODES = _code("E402", "exit codes that cannot be read")
OVERLAPPING_CODES = _code("E403", "an exit code with two actions")
ACTION_TWICE = _code("E404", "one exit action in two spellings")
COMPLETE_SYSTEM = _code("E405", "COMPLETE on failures that are not the command's")
BAD_DURATION = _code("E406", "a duration that cannot be read")
NOT_POSITIVE = _code("E407", "a duration that is not positive")
CHECKPOINT_PATH = _code("E408", "a checkpoint path that cannot be saved")
UNKNOWN_EXIT_CODE = _code("W420", "an exit code that nothing produces")
NO_RETRIES = _code("W421", "RESCHEDULE where no retry is allowed")
CLAMPED = _code("W422", "a timeout above the limit of the pool")
OUT_OF_MEMORY_CODE = _code("N423", "exit code 137 is seldom what running out of memory gives")

# 5xx: resources and placement
BAD_COUNT = _code("E501", "a number of processors or GPUs that is not allowed")
BAD_SIZE = _code("E502", "a size that cannot be read")
BAD_IMAGE = _code("E503", "an image name that cannot be read")
BAD_MOUNT = _code("E504", "a volume mount that is not allowed")
TOPOLOGY_MIX = _code("E505", "tasks with different topology keys")
TOPOLOGY_TWICE = _code("E506", "one topology key twice")
BAD_PLATFORM = _code("E507", "a platform, pool or node name that cannot be a label")
DECIMAL_SIZE = _code("W520", "a size with a decimal unit")
BARE_SIZE = _code("W521", "a size without a unit is a number of bytes")
TOPOLOGY_JOINED = _code("W522", "topology groups whose joined names are equal")
HOST_NETWORK = _code("W523", "several tasks on the network of their nodes")

# 6xx: files, environment, credentials, labels
BAD_FILE_PATH = _code("E601", "a file path that is not allowed")
FILE_CLASH = _code("E602", "two files, or a file and a mount, at one path")
BAD_BASE64 = _code("E603", "contents that are not base64")
FILE_CONTENTS = _code("E604", "a file needs either contents or a local path")
FILE_TOO_LARGE = _code("E605", "a file too large for a ConfigMap")
BAD_ENVIRONMENT = _code("E606", "a name that no environment variable can have")
ENVIRONMENT_TWICE = _code("E607", "an environment variable with two values")
BAD_CREDENTIAL = _code("E608", "a credential that cannot be mounted")
BAD_LABEL = _code("E609", "a label that Kubernetes does not accept")
SYSTEM_LABEL = _code("E610", "a label that belongs to the system")
SYSTEM_VARIABLE = _code("W620", "an environment variable that the system sets")
KUBERNETES_LABEL = _code("W621", "a label with a prefix of Kubernetes")
EXPOSED = _code("W622", "a password that all can read who may read the manifests")

# 7xx: the profile
PROFILE_SHAPE = _code("E701", "a profile that does not have the right shape")
PROFILE_REFERENCE = _code("E702", "a profile that names what it does not have")
UNKNOWN_POOL = _code("E703", "a pool that the profile does not have")
UNKNOWN_PLATFORM = _code("E704", "a platform that the pool does not have")
NOT_ALLOWED = _code("E705", "something that the platform does not allow")
UNKNOWN_CREDENTIAL = _code("E706", "a credential that the profile does not have")
UNKNOWN_BUCKET = _code("E707", "a bucket that the profile does not have")
READ_ONLY_BUCKET = _code("E708", "a dataset in a bucket that is read-only")
UNKNOWN_TOPOLOGY = _code("E709", "a topology key that the pool does not have")
VALIDATION = _code("E710", "resources that the pool refuses")
NO_DATA_CREDENTIAL = _code("E711", "a URL for which the profile has no credential")
MAINTENANCE = _code("E712", "a pool that takes no workflows")
UNKNOWN_PRIORITY = _code("E713", "a priority that the profile does not have")
TOO_MANY_TASKS = _code("E714", "more tasks than the profile allows")
LABEL_POLICY = _code("E715", "a label that the profile does not allow")
POD_TEMPLATE = _code("E716", "a pod template that cannot be rendered")
GPU_GUARANTEE = _code("E717", "more GPUs than the pool guarantees")
LABEL_WANTED = _code("W720", "a label that the profile will not allow for long")
OUTSIDE = _code("N730", "something that the cluster must have")

# 8xx: targets and their limits
TARGET_SIZE = _code("E801", "a result that is larger than the cluster accepts")
TARGET_NAMES = _code("E802", "two names that are the same once they are cut")
NO_DRIVER = _code("E803", "a workflow that needs the driver")
UNSUPPORTED = _code("E804", "something that the target cannot do")
BAD_ID = _code("E805", "a workflow id that is not allowed")

# 9xx: the cluster that a run is applied to
CLUSTER_LACKS = _code("E901", "something that the cluster does not have")
SECRET_KEY = _code("E902", "a Secret without a key that a task needs")
NOT_PERMITTED = _code("E903", "something that you may not do on the cluster")
QUOTA = _code("E904", "more than the quota of the namespace allows")
NO_NODE = _code("W905", "no node where a task could run")
REFUSED = _code("E906", "an object that the API server refuses")
