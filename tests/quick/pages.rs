//! The pages: the README stays short, and every link of every page leads to a file, and to a heading, that is there.

use std::fs;
use std::path::{Path, PathBuf};

use crate::project::project;

/// Every Markdown page of the project.
fn pages(directory: &Path, all: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() && !name.starts_with('.') && !["target", "node_modules"].contains(&name.as_str()) {
            pages(&path, all);
        } else if path.extension().is_some_and(|end| end == "md") {
            all.push(path);
        }
    }
}

/// A page without its blocks of code, which have no links.
fn prose(text: &str) -> String {
    let mut fenced = false;
    let mut kept = String::new();
    for line in text.lines() {
        fenced ^= line.starts_with("```");
        if !fenced && !line.starts_with("    ") {
            kept.push_str(line);
            kept.push('\n');
        }
    }
    kept
}

/// The anchors that a renderer (GitHub's) makes of a page's headings: small letters, no punctuation, `-` for a blank.
fn anchors(text: &str) -> Vec<String> {
    let headings = text.lines().filter(|line| line.starts_with('#'));
    let anchor = |line: &str| {
        let kept = |c: char| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_');
        let words: String = line.trim_start_matches('#').trim().chars().filter(|&c| kept(c)).collect();
        words.to_lowercase().replace(' ', "-")
    };
    headings.map(anchor).collect()
}

/// The targets of the links and pictures of a page that stay within the project.
fn links(text: &str) -> Vec<String> {
    let flat = prose(text).replace('\n', " ");
    let between = |before: &str, after: char| {
        let rests = flat.split(before).skip(1).filter_map(|rest| rest.split_once(after));
        rests.map(|(target, _)| target.to_owned()).collect::<Vec<_>>()
    };
    let all = [between("](", ')'), between(" src=\"", '"'), between(" srcset=\"", '"')];
    let targets = all.into_iter().flatten();
    targets.filter(|target| !target.contains("://") && !target.contains(' ')).collect()
}

#[test]
fn every_link_leads_somewhere() {
    let mut all = Vec::new();
    pages(project(), &mut all);
    let mut seen = 0;
    let mut broken = Vec::new();
    for page in &all {
        for link in links(&fs::read_to_string(page).unwrap()) {
            seen += 1;
            let (file, anchor) = link.split_once('#').unwrap_or((&link, ""));
            let target = if file.is_empty() { page.clone() } else { page.parent().unwrap().join(file) };
            let there = target.exists()
                && (anchor.is_empty()
                    || anchors(&fs::read_to_string(&target).unwrap()).iter().any(|name| name == anchor));
            if !there {
                broken.push(format!("{}: {link}", page.display()));
            }
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
    assert!(seen > 60, "{seen}");
}

#[test]
fn the_readme_is_read_in_minutes() {
    let words = fs::read_to_string(project().join("README.md")).unwrap().split_whitespace().count();
    assert!(words < 900, "{words} words");
}

#[test]
fn a_broken_link_and_a_missing_heading_are_found() {
    let page = "# One thing: `two`\n\n[a](b.md#c) and [d](https://example.com/)\n\n    [no](link)\n\n<img alt=\"x\" src=\"e.svg\">\n";
    assert_eq!(links(page), ["b.md#c", "e.svg"]);
    assert_eq!(anchors(page), ["one-thing-two"]);
}
