//! A transcript as a page: a sequence diagram that needs nothing but a browser.
//!
//! The page is [`opening`] and then the transcript itself, one [`row`] an entry. It has no end, so it is whole after each
//! row: a browser reads an unfinished script element to the end of the file. That lets a server write it while it serves.

use super::Entry;

/// What a page begins with.
pub fn opening() -> String {
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n<title>xDS transcript</title>\n\
         <style>\n{}</style>\n</head>\n<body>\n{}<script>\n{}</script>\n\
         <script type=\"application/x-ndjson\" id=\"entries\">\n",
        include_str!("page/page.css"),
        include_str!("page/page.html"),
        include_str!("page/page.js"),
    )
}

/// An entry as a line of a page: its JSON, in which no text can be taken for markup.
///
/// # Errors
/// When it cannot be written as JSON.
pub fn row(entry: &Entry) -> Result<String, serde_json::Error> {
    // Only texts hold such a sign, and there it may be written like this.
    Ok(serde_json::to_string(entry)?.replace('<', "\\u003c") + "\n")
}
