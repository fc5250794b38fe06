// What an action fails with: the code of its Error, or what else became of it.
#pragma once
#include <string>

#include "error.h"

namespace strata::test {

template <typename Action>
std::string code_of(Action&& action) {
  try {
    action();
  } catch (const Error& error) {
    return error.code();
  } catch (const std::exception& error) {
    return std::string("another exception: ") + error.what();
  }
  return "no error";
}

}  // namespace strata::test
