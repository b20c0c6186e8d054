// One self-contained page: headings, figures, tables. Nothing is loaded from elsewhere.
#pragma once
#include <string>
#include <vector>

namespace mho::report {

struct Figure {
  std::string name, svg, caption;  // name: of the picture's own file
};
struct Table {
  std::string caption;
  std::vector<std::string> header;             // with units
  std::vector<std::vector<std::string>> rows;  // first column text, others numbers
};
struct Section {
  std::string title, text;  // text: plain, one paragraph
  std::vector<Figure> figures;
  std::vector<Table> tables;
};
struct Headline {
  std::string value, meaning;
};
struct Page {
  std::string title, subtitle;
  std::vector<Headline> headlines;
  std::vector<Section> sections;
  std::string reproduce;  // commands
};

std::string escape_html(const std::string& text);
std::string html(const Page& page);

}  // namespace mho::report
