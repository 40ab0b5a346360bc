console.log(require("better-sqlite3")(":memory:").prepare("select sqlite_version() v").get())
