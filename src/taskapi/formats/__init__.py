"""The files that tasks leave in and come by: our own JSON, CSV, iCalendar, and Todoist's CSV."""
