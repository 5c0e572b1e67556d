"""At home in other libraries; each is imported when it is used."""
