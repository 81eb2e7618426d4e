"""Schedules of jobs: create, show, list, disable, enable, update, delete."""

from azure.ai.ml.entities._load_functions import load_schedule
from azure.ai.ml.exceptions import ValidationException

from case import Case
from world import gone, keep


class Schedules(Case):
    def made(self, file, **overrides):
        made = self.create(self.ml.schedules, self.load(load_schedule, file, **overrides))
        self.assertEqual(made.provisioning_state, "Succeeded")
        self.assertIn(made.name, self.names(self.ml.schedules.list()))
        keep(f"schedule/{made.name}")
        return self.ml.schedules.get(made.name)

    def test_cron(self):
        made = self.made("schedules/cron.yml")
        self.assertEqual((made.trigger.expression, made.trigger.time_zone, made.tags), ("15 10 * * 1", "Pacific Standard Time", {"team": "fares"}))
        self.assertEqual(sorted(made.create_job.jobs), ["check", "clean", "tune"])

    def test_recurrence(self):
        made = self.made("schedules/recurrence.yml")
        self.assertEqual((made.trigger.frequency.lower(), made.trigger.interval, made.trigger.schedule.hours), ("week", 2, [4, 5]))

    def test_of_a_job(self):
        self.made("schedules/reference.yml")

    def test_of_other_jobs(self):
        """Only pipelines can be scheduled with the released client."""
        for job in ("command", "spark"):
            schedule = self.load(load_schedule, "schedules/recurrence.yml", name="refused", create_job=f"../jobs/{job}.yml")
            self.refused(lambda: self.create(self.ml.schedules, schedule), "Unsupported job type", error=ValidationException)
        gone("schedule/refused")

    def test_disable_and_enable(self):
        self.made("schedules/recurrence.yml", name="paused")
        self.ml.schedules.begin_disable("paused").result()
        self.assertFalse(self.ml.schedules.get("paused")._is_enabled)
        self.ml.schedules.begin_enable("paused").result()
        self.assertTrue(self.ml.schedules.get("paused")._is_enabled)
        self.ml.schedules.begin_disable("paused").result()

    def test_update(self):
        self.made("schedules/recurrence.yml", name="changed")
        self.assertEqual(self.made("schedules/recurrence.yml", name="changed", description="changed").description, "changed")

    def test_delete(self):
        self.create(self.ml.schedules, self.load(load_schedule, "schedules/recurrence.yml", name="short-lived"))
        self.ml.schedules.begin_disable("short-lived").result()
        self.ml.schedules.begin_delete("short-lived").result()
        self.absent(lambda: self.ml.schedules.get("short-lived"))
        gone("schedule/short-lived")
