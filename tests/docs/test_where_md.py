"""docs/explanation/where.md asks twenty questions, and each answer is a file that is there."""

from tests.docs.documents import ROOT, table

PAGE = "docs/explanation/where.md"


def test_each_question_is_answered_by_a_file_of_its_own() -> None:
    rows = table(PAGE, head="#")
    files = [row[2].strip("`") for row in rows]
    assert [row[0] for row in rows] == [str(number) for number in range(1, 21)]
    assert len(set(files)) == 20
    assert [file for file in files if not (ROOT / file).is_file()] == []
