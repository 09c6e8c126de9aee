/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* streams - C++'s streams and filesystem library; streams FOLDER works there. */
#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <map>
#include <regex>
#include <sstream>
#include <vector>

namespace fs = std::filesystem;

static void list(const fs::path &folder)
{
    std::vector<std::string> lines;
    for (const auto &e : fs::recursive_directory_iterator(folder)) {
        std::ostringstream s;
        s << e.path().lexically_relative(folder) << (e.is_directory() ? "/" : e.is_symlink() ? "@" : "");
        if (e.is_regular_file() && !e.is_symlink())
            s << ' ' << e.file_size();
        lines.push_back(s.str());
    }
    std::sort(lines.begin(), lines.end());
    for (const auto &line : lines)
        std::cout << line << '\n';
}

int main(int, char **argv)
{
    fs::current_path(argv[1]);
    fs::create_directories("a/b/c");
    std::ofstream("a/b/numbers") << 1 << ' ' << 2.5 << " three\n";
    int i;
    double d;
    std::string s;
    std::ifstream("a/b/numbers") >> i >> d >> s;
    std::cout << i << ' ' << d << ' ' << s << '\n';
    fs::copy("a", "copy", fs::copy_options::recursive);
    fs::create_symlink("b/numbers", "a/link");
    fs::create_hard_link("a/b/numbers", "a/hard");
    fs::rename("copy/b/numbers", "copy/moved");
    fs::resize_file("copy/moved", 5);
    fs::permissions("copy/moved", fs::perms::owner_all);
    fs::last_write_time("copy/moved", fs::file_time_type(std::chrono::seconds(0)));
    std::cout << fs::read_symlink("a/link") << fs::hard_link_count("a/hard") << fs::equivalent("a/hard", "a/b/numbers") << '\n';
    list(".");
    std::error_code error;
    fs::remove("a", error);
    std::cout << error.message() << '\n';
    std::cout << fs::remove_all("a") << '\n';
    try {
        std::cout << fs::file_size("nowhere");
    } catch (const fs::filesystem_error &e) {
        std::cout << e.code().message() << '\n';
    }
    std::fstream f("both", std::ios::in | std::ios::out | std::ios::trunc);
    for (int n = 0; n < 100000; n++)
        f << n << '\n';
    f.seekg(0);
    long sum = 0, n;
    while (f >> n)
        sum += n;
    std::cout << sum << ' ' << std::regex_replace("wolf in wool", std::regex("w(o+)"), "<$1>") << '\n';
    std::string line;
    while (std::getline(std::cin, line))
        std::cout << line.size() << '\n';
}
