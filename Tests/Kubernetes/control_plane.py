#!/usr/bin/env python3
"""A real Kubernetes control plane on the loopback, without containers: etcd, API server, controller manager, scheduler,
and hollow nodes that pretend to run pods. Ports, keys and data are its own, in one folder; everything ends with the
program.

By itself it keeps a control plane running until Ctrl-C, for looking at things by hand:

python3 Tests/Kubernetes/control_plane.py                 prints what to export, then waits python3
Tests/Kubernetes/control_plane.py --json FILE     writes url, token, ca, kubeconfig there once all is ready

The programs come from build-control-plane.sh, which builds them once a machine.
"""

import argparse
import base64
import contextlib
import fcntl
import json
import os
import pathlib
import shutil
import signal
import ssl
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent.parent / "Cluster" / "scenarios"))
from harness.machine import Trouble, free_ports, wait_until  # noqa: E402  (the path comes first)
from harness.process import Child, end_all, undisturbed  # noqa: E402

CACHE = pathlib.Path(
    os.environ.get("RELAY_KUBE_CACHE") or pathlib.Path.home() / ".cache" / "edge-relay" / "kubernetes-1.20.2"
)
ADMIN_TOKEN = "control-plane-test-only"
START_SECONDS = 60
NODE_SECONDS = 60
#: A kubelet, hollow or not, sets up the machine's packet filter and asks clouds for credentials. Without programs to call and with
#: the metadata service off it can do neither.
HARMLESS = (
    "/usr/bin/env",
    "PATH=/nonexistent",
    "AWS_EC2_METADATA_DISABLED=true",
    "AWS_ACCESS_KEY_ID=none",
    "AWS_SECRET_ACCESS_KEY=none",
)
#: What the test asks of the audit log: who did what, and what came of it; not the bodies. Nodes and controllers are many and
#: not looked at.
AUDIT_POLICY = """
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
- level: Metadata
  userGroups: ["system:serviceaccounts"]
- level: None
"""


class APIError(Exception):
    """What the API server refused with."""

    def __init__(self, method, path, code, body):
        self.code, self.body = code, body
        try:
            text = json.loads(body).get("message", body)
        except ValueError:
            text = body
        super().__init__(f"{method} {path}: {code} {text}")


class API:
    """A client of the API server with one token; impersonates when told to."""

    def __init__(self, url, token, ca, impersonate=None):
        self.url, self.token = url, token
        self.context = ssl.create_default_context(cafile=str(ca))
        self.impersonate = impersonate

    def call(self, method, path, body=None, kind="application/json", timeout=10, **query):
        text = f"{self.url}{path}" + (f"?{urllib.parse.urlencode(query)}" if query else "")
        request = urllib.request.Request(text, method=method)
        request.add_header("Authorization", f"Bearer {self.token}")
        if self.impersonate:
            request.add_header("Impersonate-User", self.impersonate)
        data = None
        if body is not None:
            data = json.dumps(body).encode()
            request.add_header("Content-Type", kind)
        try:
            with urllib.request.urlopen(request, data, timeout, context=self.context) as answer:
                text = answer.read().decode()
        except urllib.error.HTTPError as error:
            raise APIError(method, path, error.code, error.read().decode(errors="replace")) from None
        try:
            return json.loads(text)
        except ValueError:
            return text

    def get(self, path, **query):
        return self.call("GET", path, **query)

    def find(self, path):
        """None when it is not there."""
        try:
            return self.get(path)
        except APIError as error:
            if error.code == 404:
                return None
            raise

    def post(self, path, body, **query):
        return self.call("POST", path, body, **query)

    def put(self, path, body, **query):
        return self.call("PUT", path, body, **query)

    def patch(self, path, body, kind="application/merge-patch+json", **query):
        return self.call("PATCH", path, body, kind, **query)

    def delete(self, path, **query):
        return self.call("DELETE", path, **query)


class ControlPlane:
    """One control plane in a folder. `start` returns when the API answers; `add_node` when the node is Ready."""

    def __init__(self, children, folder, programs=CACHE):
        self.children, self.folder, self.programs = children, pathlib.Path(folder), pathlib.Path(programs)
        self.etcd_port, self.etcd_peer, self.port, self.manager_port, self.scheduler_port = free_ports(5)
        self.url = f"https://127.0.0.1:{self.port}"
        self.token = ADMIN_TOKEN
        self.ca = self.folder / "ca.crt"
        self.kubeconfig = self.folder / "kubeconfig"
        self.audit_log = self.folder / "audit.log"
        self.nodes = []
        self.api = None

    # MARK: start

    def start(self):
        missing = [
            name
            for name in ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubemark")
            if not os.access(self.programs / name, os.X_OK)
        ]
        if missing:
            raise Trouble(f"{', '.join(missing)} not in {self.programs}: run Tests/Kubernetes/build-control-plane.sh")
        self.folder.mkdir(parents=True, exist_ok=True)
        self._keys()
        self._files()
        self._etcd()
        self._server()
        self.api = API(self.url, self.token, self.ca)
        wait_until("the API server", START_SECONDS, self._is_ready, every=0.2)
        self._managers()
        wait_until(
            "the namespace's default service account",
            START_SECONDS,
            lambda: self.api.find("/api/v1/namespaces/default/serviceaccounts/default"),
            every=0.2,
        )
        return self

    def _run(self, *words, **more):
        done = subprocess.run([str(word) for word in words], capture_output=True, text=True, timeout=60, **more)
        if done.returncode:
            raise Trouble(f"{words[0]} {words[1]}: {done.stderr.strip()[-400:]}")

    def _keys(self):
        """An authority, the server's certificate for the loopback, and the key that signs service accounts' tokens."""
        at = self.folder
        self._run(
            "openssl",
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:prime256v1",
            "-nodes",
            "-days",
            "2",
            "-subj",
            "/CN=test authority",
            "-keyout",
            at / "ca.key",
            "-out",
            self.ca,
        )
        self._run(
            "openssl",
            "req",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:prime256v1",
            "-nodes",
            "-subj",
            "/CN=kube-apiserver",
            "-keyout",
            at / "server.key",
            "-out",
            at / "server.csr",
        )
        (at / "server.ext").write_text(
            "subjectAltName=IP:127.0.0.1,DNS:localhost,DNS:kubernetes.default.svc\nextendedKeyUsage=serverAuth\n"
        )
        self._run(
            "openssl",
            "x509",
            "-req",
            "-in",
            at / "server.csr",
            "-CA",
            self.ca,
            "-CAkey",
            at / "ca.key",
            "-CAcreateserial",
            "-days",
            "2",
            "-extfile",
            at / "server.ext",
            "-out",
            at / "server.crt",
        )
        self._run("openssl", "genrsa", "-out", at / "accounts.key", "2048")
        for name in ("ca.key", "server.key", "accounts.key"):
            (at / name).chmod(0o600)

    def _files(self):
        at = self.folder
        (at / "tokens.csv").write_text(f'{self.token},admin,admin,"system:masters"\n')
        (at / "audit.yaml").write_text(AUDIT_POLICY)
        self.kubeconfig.write_text(
            json.dumps(
                {
                    "apiVersion": "v1",
                    "kind": "Config",
                    "current-context": "test",
                    "clusters": [
                        {
                            "name": "test",
                            "cluster": {
                                "server": self.url,
                                "certificate-authority-data": base64.b64encode(self.ca.read_bytes()).decode(),
                            },
                        }
                    ],
                    "users": [{"name": "admin", "user": {"token": self.token}}],
                    "contexts": [
                        {"name": "test", "context": {"cluster": "test", "user": "admin", "namespace": "default"}}
                    ],
                },
                indent=1,
            )
        )
        for path in (self.kubeconfig, at / "tokens.csv"):
            path.chmod(0o600)

    def _etcd(self):
        client, peer = f"http://127.0.0.1:{self.etcd_port}", f"http://127.0.0.1:{self.etcd_peer}"
        Child(
            self.children,
            "etcd",
            [
                "etcd",
                "--data-dir",
                self.folder / "etcd",
                "--name",
                "test",
                "--listen-client-urls",
                client,
                "--advertise-client-urls",
                client,
                "--listen-peer-urls",
                peer,
                "--initial-advertise-peer-urls",
                peer,
                "--initial-cluster",
                f"test={peer}",
                "--unsafe-no-fsync",
                "--log-level",
                "warn",
            ],
            self.folder,
        ).start()

    def _server(self):
        at = self.folder
        self.server = Child(
            self.children,
            "apiserver",
            [
                self.programs / "kube-apiserver",
                "--bind-address=127.0.0.1",
                "--advertise-address=127.0.0.1",
                f"--secure-port={self.port}",
                f"--etcd-servers=http://127.0.0.1:{self.etcd_port}",
                f"--tls-cert-file={at}/server.crt",
                f"--tls-private-key-file={at}/server.key",
                f"--cert-dir={at}/certs",
                f"--token-auth-file={at}/tokens.csv",
                "--authorization-mode=Node,RBAC",
                "--service-account-issuer=https://kubernetes.default.svc",
                f"--service-account-signing-key-file={at}/accounts.key",
                f"--service-account-key-file={at}/accounts.key",
                "--service-cluster-ip-range=10.96.0.0/16",
                f"--audit-policy-file={at}/audit.yaml",
                f"--audit-log-path={self.audit_log}",
                # No endpoint on a loopback address, which the server refuses; and no waiting for one at its end.
                "--endpoint-reconciler-type=none",
                "--enable-priority-and-fairness=false",
                "--v=1",
            ],
            at,
        ).start()

    def _is_ready(self):
        self.server.require_alive()
        try:
            return self.api.get("/readyz") == "ok"
        except (APIError, OSError):
            return False

    def _managers(self):
        at = self.folder
        Child(
            self.children,
            "controller-manager",
            [
                self.programs / "kube-controller-manager",
                f"--kubeconfig={self.kubeconfig}",
                "--leader-elect=false",
                f"--service-account-private-key-file={at}/accounts.key",
                f"--root-ca-file={self.ca}",
                "--bind-address=127.0.0.1",
                "--port=0",
                f"--secure-port={self.manager_port}",
                f"--cert-dir={at}/certs",
                # Nothing here needs a cloud, certificates or volumes; what is left is what decides about pods.
                "--controllers=*,-csrsigning,-csrapproving,-csrcleaner,-bootstrapsigner,-tokencleaner,-attachdetach,-pvc-protection,"
                "-pv-protection,-persistentvolume-binder,-persistentvolume-expander,-ttl,-cronjob,-route,-service,-nodeipam",
                "--concurrent-gc-syncs=2",
                "--kube-api-qps=200",
                "--kube-api-burst=400",
                "--v=1",
            ],
            at,
        ).start()
        Child(
            self.children,
            "scheduler",
            [
                self.programs / "kube-scheduler",
                f"--kubeconfig={self.kubeconfig}",
                "--leader-elect=false",
                "--bind-address=127.0.0.1",
                "--port=0",
                f"--secure-port={self.scheduler_port}",
                f"--cert-dir={at}/certs",
                "--kube-api-qps=200",
                "--kube-api-burst=400",
                "--v=1",
            ],
            at,
        ).start()

    # MARK: nodes

    def add_node(self, name, zone="", labels=None, seconds=NODE_SECONDS):
        """Starts a hollow node and waits until it is Ready.

        One by one, whatever control plane they are of: all hollow nodes of a machine serve the runtime that they make
        believe at one and the same path (/tmp/kubelet_remote.sock, a constant of kubemark), and a new one takes it over.
        A node that looks for its runtime while another starts finds none and ends, or finds the other's, where each of
        the two takes the other's pods for left-overs and ends them. Once it is Ready a node has its connections, which
        do not need the path any more.
        """
        with self._alone():
            port, read_only = free_ports(2)
            child = Child(
                self.children,
                name,
                [
                    self.programs / "kubemark",
                    "--morph=kubelet",
                    f"--name={name}",
                    f"--kubeconfig={self.kubeconfig}",
                    f"--kubelet-port={port}",
                    f"--kubelet-read-only-port={read_only}",
                    "--logtostderr=true",
                    "--v=1",
                ],
                self.folder,
                prefix=HARMLESS,
            ).start()

            def registered():
                child.require_alive()
                return self.api.find(f"/api/v1/nodes/{name}")

            wait_until(f"node {name}", seconds, registered, every=0.3)
            labels = {**({"topology.kubernetes.io/zone": zone} if zone else {}), **(labels or {})}
            if labels:
                self.api.patch(f"/api/v1/nodes/{name}", {"metadata": {"labels": labels}})
            wait_until(f"node {name} to be Ready", seconds, lambda: self._is_node_ready(name), every=0.3)
            self.nodes.append(child)

    def require_nodes(self):
        """Raises Trouble when a node has ended or is not Ready."""
        for child in self.nodes:
            child.require_alive()
            if not self._is_node_ready(child.name):
                raise Trouble(f"node {child.name} is not Ready any more:\n{child.tail()}")

    def _is_node_ready(self, name):
        conditions = self.api.get(f"/api/v1/nodes/{name}").get("status", {}).get("conditions") or []
        return any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)

    @contextlib.contextmanager
    def _alone(self):
        """No other hollow node starts on this machine meanwhile, but where the programs' folder cannot be written to."""
        with contextlib.ExitStack() as stack:
            with contextlib.suppress(OSError):
                lock = stack.enter_context(open(self.programs / "hollow.lock", "w"))
                fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    # MARK: tokens

    def account_token(self, namespace, name, seconds=3600):
        """A bound token of a service account, as a pod is given one."""
        answer = self.api.post(
            f"/api/v1/namespaces/{namespace}/serviceaccounts/{name}/token",
            {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {"expirationSeconds": seconds}},
        )
        return answer["status"]["token"]

    def audited(self, user):
        """What a user did: verb, resource, subresource, name, code, in order."""
        found = []
        if not self.audit_log.exists():
            return found
        for line in self.audit_log.read_text().splitlines():
            try:
                event = json.loads(line)
            except ValueError:
                continue  # being written
            if event.get("user", {}).get("username") != user:
                continue
            about = event.get("objectRef", {})
            found.append(
                {
                    "verb": event["verb"],
                    "group": about.get("apiGroup", ""),
                    "resource": about.get("resource", ""),
                    "subresource": about.get("subresource", ""),
                    "name": about.get("name", ""),
                    "code": event.get("responseStatus", {}).get("code", 0),
                    "uri": event.get("requestURI", ""),
                    "at": event.get("stageTimestamp", ""),
                }
            )
        return found


@contextlib.contextmanager
def control_plane(folder=None, nodes=(("hollow-a", "zone-a"), ("hollow-b", "zone-b")), keep=False):
    """A started control plane with its hollow nodes; ended, and its folder taken away, at the end of the scope."""
    made = folder is None
    folder = pathlib.Path(folder or tempfile.mkdtemp(prefix="relay-kubernetes-"))
    children = []
    try:
        plane = ControlPlane(children, folder).start()
        for name, zone in nodes:
            plane.add_node(name, zone)
        plane.require_nodes()
        yield plane
    finally:
        with undisturbed():
            end_all(children)
            if made and not keep:
                shutil.rmtree(folder, ignore_errors=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument(
        "--folder", type=pathlib.Path, help="where keys, data and logs go (default: a temporary folder)"
    )
    parser.add_argument("--nodes", type=int, default=2, metavar="N", help="hollow nodes (2), in zones a, b, c in turn")
    parser.add_argument("--json", type=pathlib.Path, metavar="FILE", help="write url, token, ca and kubeconfig there")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    built = subprocess.run([HERE / "build-control-plane.sh"])
    if built.returncode:
        return built.returncode
    began = time.monotonic()
    nodes = [(f"hollow-{index + 1}", f"zone-{'abc'[index % 3]}") for index in range(options.nodes)]
    try:
        with control_plane(options.folder, nodes) as plane:
            print(f"# ready in {time.monotonic() - began:.1f} s; Ctrl-C ends it; logs in {plane.folder}")
            print(f"export KUBECONFIG={plane.kubeconfig}")
            print(f"export KUBE_URL={plane.url} KUBE_TOKEN={plane.token} KUBE_CA={plane.ca}")
            print('# curl --cacert $KUBE_CA -H "Authorization: Bearer $KUBE_TOKEN" $KUBE_URL/api/v1/nodes', flush=True)
            if options.json:
                temporary = options.json.with_suffix(".new")
                temporary.write_text(
                    json.dumps(
                        {
                            "url": plane.url,
                            "token": plane.token,
                            "ca": str(plane.ca),
                            "kubeconfig": str(plane.kubeconfig),
                            "folder": str(plane.folder),
                        }
                    )
                )
                temporary.replace(options.json)
            while True:
                time.sleep(1)
                for child in plane.children:
                    child.require_alive()
    except KeyboardInterrupt:
        return 0
    except Trouble as trouble:
        print(f"error: {trouble}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
