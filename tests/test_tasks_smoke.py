from tests.people import Person


def test_a_task_is_listed_after_it_was_made(ann: Person) -> None:
    made = ann.new_task("Buy milk")
    assert [task["id"] for task in ann.api.get("/tasks").json["items"]] == [made["id"]]


def test_a_stranger_gets_404_for_my_task(ann: Person, bob: Person) -> None:
    made = ann.new_task()
    assert bob.api.get(f"/tasks/{made['id']}").status_code == 404
