"""Environments, data, models and code: create, show, list, archive, restore, update, and what is refused."""

from azure.ai.ml import load_data, load_environment, load_model
from azure.ai.ml.entities import Data, Environment, Model
from azure.core.exceptions import ResourceExistsError

from case import Case, folder
from world import gone, keep, world


class Environments(Case):
    def test_an_image_with_packages(self):
        made = self.create(self.ml.environments, self.load(load_environment, "environments/conda.yml"))
        self.assertEqual((made.name, made.version, made.tags), ("train", "1", {"team": "fares"}))
        shown = self.ml.environments.get("train", version="1")
        self.assertEqual(shown.conda_file["dependencies"][2], {"pip": ["scikit-learn==1.5.2", "mlflow"]})
        self.assertEqual(self.ml.environments.get("train", label="latest").version, "1")
        keep("environment/train:1")

    def test_an_image(self):
        made = self.create(self.ml.environments, self.load(load_environment, "environments/image.yml"))
        self.assertEqual(made.inference_config.scoring_route.path, "/score")
        keep("environment/serve:1")

    def test_a_docker_build(self):
        made = self.create(self.ml.environments, self.load(load_environment, "environments/build.yml"))
        self.assertEqual(made.build.dockerfile_path, "Dockerfile")
        self.assertRegex(made.build.path, r"^https://\w+\.blob\.core\.windows\.net.*/LocalUpload/[0-9a-f]{64}/docker/$")
        keep("environment/built:1")

    def test_versions_are_counted(self):
        for want in ("1", "2"):
            made = self.create(self.ml.environments, Environment(name="counted", image=f"images.example.com/counted:{want}"))
            self.assertEqual(made.version, want)
            keep(f"environment/counted:{want}")
        self.assertEqual([e.version for e in self.ml.environments.list("counted")], ["2", "1"])
        self.assertEqual(self.ml.environments.get("counted", label="latest").version, "2")

    def test_a_version_is_fixed(self):
        first = Environment(name="fixed", version="1", image="images.example.com/a:1")
        self.create(self.ml.environments, first)
        self.create(self.ml.environments, first)
        other = Environment(name="fixed", version="1", image="images.example.com/b:1")
        self.refused(lambda: self.create(self.ml.environments, other), "already registered and cannot be changed", error=ResourceExistsError)
        self.assertEqual(self.ml.environments.get("fixed", version="1").image, "images.example.com/a:1")
        keep("environment/fixed:1")

    def test_archive_and_restore(self):
        self.create(self.ml.environments, Environment(name="old", version="1", image="images.example.com/old:1"))
        self.ml.environments.archive("old")
        self.assertNotIn("old", self.names(self.ml.environments.list()))
        self.ml.environments.restore("old")
        self.assertIn("old", self.names(self.ml.environments.list()))
        self.ml.environments.archive("old")
        gone("environment/old:1")

    def test_absent(self):
        self.absent(lambda: self.ml.environments.get("nothing", version="1"))


class DataAssets(Case):
    def test_a_file(self):
        made = self.create(self.ml.data, self.load(load_data, "data/file.yml"))
        self.assertEqual((made.type, made.tags), ("uri_file", {"source": "city"}))
        self.assertRegex(made.path, r"^azureml://subscriptions/.*/paths/LocalUpload/[0-9a-f]{64}/one\.csv$")
        keep("data/zones:1")

    def test_a_folder(self):
        made = self.create(self.ml.data, self.load(load_data, "data/folder.yml"))
        self.assertTrue(made.path.endswith("/rides/"), made.path)
        keep("data/rides:1")

    def test_a_table(self):
        made = self.create(self.ml.data, self.load(load_data, "data/table.yml"))
        self.assertEqual(made.type, "mltable")
        keep("data/table:1")

    def test_a_path_in_storage(self):
        made = self.create(self.ml.data, self.load(load_data, "data/remote.yml"))
        self.assertTrue(made.path.endswith("/datastores/workspaceblobstore/paths/lake/rides/"), made.path)
        keep("data/lake:2026")

    def test_a_second_upload_is_none(self):
        """The bytes are there already: the client finds them by the metadata of their first blob."""
        source = folder("again", {"again.csv": "x,y\n"})
        for name in ("again-1", "again-2"):
            self.create(self.ml.data, Data(name=name, version="1", type="uri_file", path=str(source / "again.csv")))
            keep(f"data/{name}:1")
        uploads = [r for r in world().requests(method="PUT", collection="blobs")["requests"] if r["path"].endswith("/again.csv")]
        self.assertEqual(len([r for r in uploads if "comp=metadata" not in r.get("query", "")]), 1, uploads)

    def test_large_files_go_up_in_blocks(self):
        source = folder("large", {"large.bin": "0123456789abcdef" * (5 << 20)})
        self.create(self.ml.data, Data(name="large", version="1", type="uri_file", path=str(source / "large.bin")))
        self.assertTrue([r for r in world().requests(method="PUT", collection="blobs")["requests"] if "comp=blocklist" in r.get("query", "")])
        keep("data/large:1")

    def test_update(self):
        data = self.load(load_data, "data/remote.yml", name="changed", version="1")
        self.create(self.ml.data, data)
        data = self.ml.data.get("changed", version="1")
        data.description, data.tags = "changed", {"by": "client"}
        self.create(self.ml.data, data)
        shown = self.ml.data.get("changed", version="1")
        self.assertEqual((shown.description, shown.tags), ("changed", {"by": "client"}))
        keep("data/changed:1")

    def test_a_path_is_fixed(self):
        data = self.load(load_data, "data/remote.yml", name="pinned", version="1")
        self.create(self.ml.data, data)
        moved = self.load(load_data, "data/remote.yml", name="pinned", version="1", path="azureml://datastores/workspaceblobstore/paths/elsewhere")
        self.refused(lambda: self.create(self.ml.data, moved), "Asset paths cannot be updated.")
        local = Data(name="pinned", version="1", type="uri_folder", path=str(folder("pinned", {"a.csv": "a\n"})))
        self.refused(lambda: self.create(self.ml.data, local), "Asset paths cannot be updated.")
        keep("data/pinned:1")

    def test_versions_are_counted(self):
        for want in ("1", "2"):
            made = self.create(self.ml.data, Data(name="counted", type="uri_folder", path=f"azureml://datastores/workspaceblobstore/paths/{want}"))
            self.assertEqual(made.version, want)
            keep(f"data/counted:{want}")
        self.assertEqual(self.ml.data.get("counted", label="latest").version, "2")

    def test_archive_and_restore(self):
        for version in ("1", "2"):
            self.create(self.ml.data, self.load(load_data, "data/remote.yml", name="old", version=version))
        self.ml.data.archive("old", version="2")
        self.assertEqual([d.version for d in self.ml.data.list("old")], ["1"])
        self.ml.data.restore("old", version="2")
        self.assertEqual([d.version for d in self.ml.data.list("old")], ["2", "1"])
        self.ml.data.archive("old", version="1")
        keep("data/old:2")
        gone("data/old:1")

    def test_archive_and_restore_all(self):
        self.create(self.ml.data, self.load(load_data, "data/remote.yml", name="older", version="1"))
        self.ml.data.archive("older")
        self.assertNotIn("older", self.names(self.ml.data.list()))
        self.ml.data.restore("older")
        self.assertIn("older", self.names(self.ml.data.list()))
        self.ml.data.archive("older")
        gone("data/older:1")


class Models(Case):
    def test_a_file(self):
        made = self.create(self.ml.models, self.load(load_model, "models/custom.yml"))
        self.assertEqual((made.type, made.properties), ("custom_model", {"trained_by": "hand"}))
        self.assertRegex(made.path, r"^azureml://subscriptions/.*/resourceGroups/.*/LocalUpload/[0-9a-f]{64}/model\.pkl$")
        keep("model/fares:1")

    def test_a_folder(self):
        made = self.create(self.ml.models, self.load(load_model, "models/mlflow.yml"))
        self.assertEqual((made.type, made.stage), ("mlflow_model", "Production"))
        self.assertIn("python_function", made.flavors)
        keep("model/fares-flow:3")

    def test_update(self):
        self.create(self.ml.models, Model(name="changed", version="1", path="azureml://datastores/workspaceblobstore/paths/changed"))
        model = self.ml.models.get("changed", version="1")
        model.description, model.stage = "changed", "Production"
        self.create(self.ml.models, model)
        shown = self.ml.models.get("changed", version="1")
        self.assertEqual((shown.description, shown.stage), ("changed", "Production"))
        keep("model/changed:1")

    def test_a_path_is_fixed(self):
        self.create(self.ml.models, Model(name="pinned", version="1", path="azureml://datastores/workspaceblobstore/paths/pinned"))
        moved = Model(name="pinned", version="1", path="azureml://datastores/workspaceblobstore/paths/elsewhere")
        self.refused(lambda: self.create(self.ml.models, moved), "Asset paths cannot be updated.")
        keep("model/pinned:1")

    def test_archive_and_restore(self):
        for version in ("1", "2"):
            self.create(self.ml.models, Model(name="old", version=version, path="azureml://datastores/workspaceblobstore/paths/old"))
        self.ml.models.archive("old", version="1")
        self.assertEqual([m.version for m in self.ml.models.list("old")], ["2"])
        self.assertEqual(self.ml.models.get("old", version="1").stage, "Archived")
        self.ml.models.restore("old", version="1")
        self.assertEqual([m.version for m in self.ml.models.list("old")], ["2", "1"])
        self.ml.models.archive("old", version="2")
        gone("model/old:2")
        keep("model/old:1")

    def test_archive_and_restore_all(self):
        self.create(self.ml.models, Model(name="older", version="1", path="azureml://datastores/workspaceblobstore/paths/older"))
        self.ml.models.archive("older")
        self.assertNotIn("older", self.names(self.ml.models.list()))
        self.ml.models.restore("older")
        self.assertIn("older", self.names(self.ml.models.list()))
        self.ml.models.archive("older")
        gone("model/older:1")

    def test_download(self):
        """What went up comes down."""
        source = folder("down", {"model.pkl": "bytes"})
        self.create(self.ml.models, Model(name="down", version="1", path=str(source / "model.pkl")))
        target = world().root / "downloaded"
        self.ml.models.download("down", version="1", download_path=str(target))
        self.assertEqual([f.read_text() for f in target.rglob("model.pkl")], ["bytes"])
        keep("model/down:1")
