"""What Microsoft's client has made comes back as files with mlsync, and a plan of the files has nothing to do."""

import json
import re
import shutil

import world as w
from case import Case
from world import kept, left, secrets, whole, world


class Export(Case):
    """Runs last: the workspace holds what all other tests left in it."""

    maxDiff = None

    @classmethod
    def setUpClass(cls):
        cls.kinds = {k["kind"]: forms(k) for k in json.loads(world().mlsync("kinds", "--json"))}

    def tree(self, name):
        """A folder with the configuration of the workspace and nothing else."""
        folder = world().root / "trees" / name
        folder.mkdir(parents=True)
        (folder / "mlsync.yaml").write_text(json.dumps({
            "owner": "clients",
            "targets": {"dev": {
                "subscription": w.SUBSCRIPTION, "resource_group": w.GROUP, "workspace": w.WORKSPACE,
                "endpoint": world().url, "storage_endpoint": world().url, "authority": world().url, "ca_file": str(world().ca),
                "identity": {"type": "environment"},
            }},
        }))
        return folder

    def mlsync(self, folder, *args, code=0):
        login = {"AZURE_TENANT_ID": w.TENANT, "AZURE_CLIENT_ID": w.TENANT, "AZURE_CLIENT_SECRET": "not-checked"}
        return world().mlsync(*args, cwd=folder, code=code, env=login | self.provided)

    def export(self, name, *args):
        """Export, plan what was written, and return the folder and the ids in the plan."""
        folder, self.provided = self.tree(name), {}
        summary = json.loads(self.mlsync(folder, "export", "--json", *args))
        self.assertEqual(summary["unread"], {})
        self.why = {line["id"]: line["why"] for line in summary["left"]}
        self.provided = {s["variable"]: "provided" for s in summary["secrets"]}
        ids = self.planned(folder)
        self.mlsync(folder, "plan", "--exit-code", *self.state(folder))
        return folder, ids

    def state(self, folder):
        """The journal of a tree is beside it."""
        return "--state", str(folder.parent / f"{folder.name}.db")

    def planned(self, folder):
        """The ids of a plan, which must be complete and have nothing to do but to take over what is there.

        Code and inline components have no name that the client and mlsync share: they are found by what is in them,
        code when it would go up, components by the service.
        """
        plan = json.loads(self.mlsync(folder, "plan", "--json", *self.state(folder), code=None))
        changes = [
            (step["id"], step["action"], step.get("why"), [(f["path"], f.get("live"), f.get("after")) for f in step.get("fields", [])])
            for step in plan["steps"] if step["action"] not in ("noop", "adopt") and step["kind"] != "code" and step["name"] != "azureml_anonymous"
        ]
        self.assertEqual((changes, plan["problems"], plan["complete"]), ([], [], True))
        return {step["id"] for step in plan["steps"]}

    def managed(self, asset):
        """Whether this mlsync manages the kind of a kept asset, in its form."""
        names = self.kinds.get(asset.split("/")[0])
        return names is not None and (not names or not kept.get(asset) or kept[asset] in names)

    def all(self):
        """The kinds that are written in files of their own, jobs included."""
        return ",".join(kind for kind in self.kinds if kind != "code")

    def complete(self, ids):
        """All that the client has made is there, or the reason why not is shown."""
        missing = {a: self.why.get(a, "") for a in kept if self.managed(a) and a not in ids}
        self.assertEqual(missing, {}, "made by the client and not exported")

    def test_1_everything(self):
        folder, ids = self.export("all", "--all-versions", "--kinds", self.all())
        self.complete(ids | whole)
        self.assertEqual(left & ids, set(), "deleted or archived by the client and exported")
        for file in folder.rglob("*"):
            if file.is_file() and file.name != "mlsync.yaml":
                text = file.read_text()
                for secret in secrets:
                    self.assertNotIn(secret, text, file)
        again = json.loads(self.mlsync(folder, "export", "--json", "--target", "dev", "--all-versions", "--kinds", self.all()))
        self.assertEqual(again["written"], [], "a second export writes nothing")

    def test_2_the_newest(self):
        _, ids = self.export("newest")
        self.assertIn("data/counted:2", ids)
        self.assertNotIn("data/counted:1", ids)

    def test_3_with_content(self):
        folder, ids = self.export("content", "--all-versions", "--with-content", "--kinds", self.all())
        self.complete(ids)
        contents = {file.read_bytes() for file in folder.rglob("*") if file.is_file()}
        for sent in ("data/rides/two.csv", "models/model.pkl", "models/flow/MLmodel", "src/score.py", "environments/docker/Dockerfile"):
            self.assertIn((w.FILES / sent).read_bytes(), contents, sent)

    def test_3_the_files_themselves(self):
        """The files mean to mlsync what they mean to the client: what it made of them is what they want."""
        folder, self.provided = self.tree("files"), {"MLSYNC_SECRET_ANY": "any"}
        shutil.copytree(w.FILES, folder, dirs_exist_ok=True)
        for file in folder.rglob("*.yml"):
            text = file.read_text()
            for secret in secrets:
                text = re.sub(f'"?{re.escape(secret)}"?', '"${{ secret.ANY }}"', text)
            file.write_text(text)
        ids = self.planned(folder)
        self.assertLessEqual({"environment/train:1", "online-deployment/fares-online/blue", "job/tune-by-client"}, ids)

    def test_4_taken_over(self):
        """mlsync takes over what the client made; then there is nothing to do at all, and the client still reads it."""
        folder, ids = self.export("taken", "--all-versions", "--kinds", self.all())
        self.mlsync(folder, "apply", *self.state(folder))
        self.assertIn("No changes", self.mlsync(folder, "plan", "--exit-code", *self.state(folder)))
        shown = {
            "environment": self.ml.environments, "data": self.ml.data, "model": self.ml.models, "component": self.ml.components,
            "compute": self.ml.compute, "datastore": self.ml.datastores, "connection": self.ml.connections, "job": self.ml.jobs,
            "online-endpoint": self.ml.online_endpoints, "batch-endpoint": self.ml.batch_endpoints, "schedule": self.ml.schedules,
            "online-deployment": self.ml.online_deployments, "batch-deployment": self.ml.batch_deployments,
        }
        for asset in sorted(ids):
            kind, name = asset.split("/", 1)
            if kind in shown:
                self.show(shown[kind], name)

    def show(self, operations, name):
        """Read one asset with the client, by its name as mlsync writes it."""
        with self.subTest(name):
            if "/" in name:
                endpoint, name = name.split("/")
                self.assertEqual(operations.get(name, endpoint).name, name)
            elif ":" in name:
                name, version = name.split(":")
                self.assertEqual(operations.get(name, version=version).version, version)
            else:
                self.assertEqual(operations.get(name).name, name)

    def test_5_what_is_not_managed(self):
        """The run says what it could not ask of mlsync, so that nobody thinks it was."""
        out = sorted(a for a in kept if not self.managed(a))
        if out:
            w.notes.append("not managed by this mlsync, so not exported: " + ", ".join(out))


def forms(kind):
    """The names of the forms of a kind; empty if it has one form only."""
    names = set()
    for variant in kind["variants"]:
        names.update(filter(None, [variant.get("name")]))
        names.update(variant.get("type") or [])
    return names
