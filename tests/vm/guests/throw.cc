/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* throw - what C++ programs lean on: streams, containers, exceptions. */
#include <iostream>
#include <stdexcept>
#include <string>
#include <vector>

int main()
{
    std::vector<std::string> words{"C++", "throws", "and", "catches"};
    try {
        throw std::runtime_error("caught");
    } catch (const std::exception &e) {
        for (const auto &word : words)
            std::cout << word << ' ';
        std::cout << e.what() << std::endl;
    }
}
