"""For whoever teaches with the course: grading a folder of notebooks, and the teacher's edition of a lesson."""
