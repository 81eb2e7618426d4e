"""Components of each type, registered from files."""

from azure.ai.ml import load_component
from azure.core.exceptions import HttpResponseError

from case import Case
from world import gone, keep


class Components(Case):
    def made(self, file, variant, **overrides):
        made = self.create(self.ml.components, self.load(load_component, file, **overrides))
        keep(f"component/{made.name}:{made.version}", variant)
        return self.ml.components.get(made.name, version=made.version)

    def test_1_command(self):
        made = self.made("components/command.yml", "command")
        self.assertEqual((made.type, made.display_name, made.tags), ("command", "Clean", {"owner": "ann"}))
        # What is optional comes last, whatever the file says.
        self.assertEqual(list(made.inputs), ["rides", "verbose", "share"])
        self.assertEqual(int(made.resources.instance_count), 2)
        self.assertIn("/codes/", made.code)
        self.assertIn("clean", self.names(self.ml.components.list()))
        self.assertEqual(self.ml.components.get("clean", label="latest").version, "1")

    def test_2_pipeline(self):
        made = self.made("components/pipeline.yml", "pipeline")
        self.assertEqual(made.type, "pipeline")
        self.assertEqual(list(made.jobs), ["first", "second"])

    def test_2_parallel(self):
        self.assertEqual(self.made("components/parallel.yml", "parallel").task.entry_script, "score.py")

    def test_2_spark(self):
        self.assertEqual(self.made("components/spark.yml", "spark").type, "spark")

    def test_3_update(self):
        self.made("components/command.yml", "command", name="changed")
        again = self.load(load_component, "components/command.yml", name="changed", description="changed", display_name="Changed")
        self.create(self.ml.components, again)
        shown = self.ml.components.get("changed", version="1")
        self.assertEqual((shown.display_name, shown.description), ("Changed", "changed"))

    def test_3_what_is_fixed(self):
        self.made("components/command.yml", "command", name="pinned")
        other = self.load(load_component, "components/command.yml", name="pinned", command="echo ${{inputs.rides}}")
        self.refused(lambda: self.create(self.ml.components, other), error=HttpResponseError)

    def test_3_the_same_again(self):
        """The hash of the file is with the component, so an equal one is not sent again."""
        first = self.made("components/spark.yml", "spark", name="again")
        second = self.create(self.ml.components, self.load(load_component, "components/spark.yml", name="again"))
        self.assertEqual(second.version, first.version)

    def test_4_archive_and_restore(self):
        for version in ("1", "2"):
            self.create(self.ml.components, self.load(load_component, "components/command.yml", name="old", version=version))
        self.ml.components.archive("old", version="2")
        self.assertEqual([c.version for c in self.ml.components.list("old")], ["1"])
        self.ml.components.restore("old", version="2")
        self.assertEqual(sorted(c.version for c in self.ml.components.list("old")), ["1", "2"])
        self.ml.components.archive("old", version="1")
        keep("component/old:2", "command")
        gone("component/old:1")

    def test_4_archive_all(self):
        self.create(self.ml.components, self.load(load_component, "components/command.yml", name="older"))
        self.ml.components.archive("older")
        self.assertNotIn("older", self.names(self.ml.components.list()))
        self.ml.components.restore("older")
        self.assertIn("older", self.names(self.ml.components.list()))
        self.ml.components.archive("older")
        gone("component/older:1")

    def test_5_absent(self):
        self.absent(lambda: self.ml.components.get("nothing", version="1"))
