//! A transcript as a page: a sequence diagram that needs nothing but a browser.

use super::Entry;

/// The page of these entries. It fetches nothing.
///
/// # Errors
/// When an entry cannot be written as JSON.
pub fn page(entries: &[Entry]) -> Result<String, serde_json::Error> {
    // No text within may end the script element.
    let entries = serde_json::to_string(entries)?.replace("</", "<\\/");
    Ok(format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>xDS transcript</title>\
         <style>{}</style></head><body>{}<script type=\"application/json\" id=\"entries\">{entries}</script>\
         <script>{}</script></body></html>\n",
        include_str!("page.css"),
        include_str!("page.html"),
        include_str!("page.js"),
    ))
}
