#include "report/html.hpp"

#include <fmt/format.h>

namespace mho::report {
namespace {

constexpr const char* style = R"(
:root{color-scheme:light;--ink:#1d2127;--soft:#5b636e;--line:#e2e5e9;--accent:#1f5fa8}
*{box-sizing:border-box}
body{margin:0;background:#fff;color:var(--ink);font:16px/1.55 system-ui,-apple-system,"Segoe UI",Helvetica,Arial,sans-serif}
main{max-width:60rem;margin:0 auto;padding:2.5rem 1.25rem 4rem}
h1{font-size:1.9rem;line-height:1.2;margin:0 0 .35rem;letter-spacing:-.01em}
h2{font-size:1.25rem;margin:3rem 0 .5rem;padding-top:1.2rem;border-top:1px solid var(--line)}
p{margin:.4rem 0 1rem;max-width:46rem}
.subtitle{color:var(--soft)}
.headlines{display:grid;grid-template-columns:repeat(auto-fit,minmax(10.5rem,1fr));gap:.2rem 1.6rem;margin:1.8rem 0 0;padding:0;list-style:none}
.headlines li{padding:.7rem 0;border-top:2px solid var(--accent)}
.headlines b{display:block;font-size:1.35rem;font-weight:600;font-variant-numeric:tabular-nums;letter-spacing:-.01em}
.headlines span{color:var(--soft);font-size:.85rem;line-height:1.35;display:block}
figure{margin:1.4rem 0}
figure svg{width:100%;height:auto;display:block}
figcaption{color:var(--soft);font-size:.87rem;margin-top:.35rem;max-width:46rem}
.scroll{overflow-x:auto;margin:1.2rem 0}
table{border-collapse:collapse;font-size:.87rem;font-variant-numeric:tabular-nums;min-width:60%}
caption{text-align:left;color:var(--soft);padding-bottom:.4rem}
th,td{padding:.32rem .9rem .32rem 0;text-align:right;white-space:nowrap;border-bottom:1px solid var(--line)}
th{font-weight:600;vertical-align:bottom}
th:first-child,td:first-child{text-align:left}
tr:last-child td{border-bottom:2px solid var(--line)}
pre{background:#f5f6f8;padding:.9rem 1rem;overflow-x:auto;font:.85rem/1.5 ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;border-radius:4px}
@media print{main{max-width:none;padding:0}h2{break-after:avoid}figure,table{break-inside:avoid}}
)";

std::string table_html(const Table& table) {
  std::string text = "<div class=\"scroll\"><table>\n";
  if (!table.caption.empty()) text += fmt::format("<caption>{}</caption>\n", escape_html(table.caption));
  text += "<thead><tr>";
  for (const std::string& cell : table.header) text += fmt::format("<th>{}</th>", escape_html(cell));
  text += "</tr></thead>\n<tbody>\n";
  for (const auto& row : table.rows) {
    text += "<tr>";
    for (const std::string& cell : row) text += fmt::format("<td>{}</td>", escape_html(cell));
    text += "</tr>\n";
  }
  return text + "</tbody></table></div>\n";
}

std::string section_html(const Section& section) {
  std::string text = fmt::format("<section>\n<h2>{}</h2>\n", escape_html(section.title));
  if (!section.text.empty()) text += fmt::format("<p>{}</p>\n", escape_html(section.text));
  for (const Figure& figure : section.figures)
    text += fmt::format("<figure>{}<figcaption>{}</figcaption></figure>\n", figure.svg, escape_html(figure.caption));
  for (const Table& table : section.tables) text += table_html(table);
  return text + "</section>\n";
}

}  // namespace

std::string escape_html(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '&') out += "&amp;";
    else if (c == '<') out += "&lt;";
    else if (c == '>') out += "&gt;";
    else if (c == '"') out += "&quot;";
    else out += c;
  }
  return out;
}

std::string html(const Page& page) {
  std::string text = fmt::format(
      "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>{}</title>\n<style>{}</style>\n</head>\n<body>\n<main>\n"
      "<h1>{}</h1>\n<p class=\"subtitle\">{}</p>\n",
      escape_html(page.title), style, escape_html(page.title), escape_html(page.subtitle));
  if (!page.headlines.empty()) {
    text += "<ul class=\"headlines\">\n";
    for (const Headline& h : page.headlines) text += fmt::format("<li><b>{}</b><span>{}</span></li>\n", escape_html(h.value), escape_html(h.meaning));
    text += "</ul>\n";
  }
  for (const Section& section : page.sections) text += section_html(section);
  if (!page.reproduce.empty()) text += fmt::format("<section>\n<h2>Reproduce it</h2>\n<pre>{}</pre>\n</section>\n", escape_html(page.reproduce));
  return text + "</main>\n</body>\n</html>\n";
}

}  // namespace mho::report
