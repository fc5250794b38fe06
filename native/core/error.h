// One kind of failure for all of native: a code of src/errors.ts, a sentence, and the system's errno when there was one.
#pragma once
#include <cstring>
#include <exception>
#include <string>

namespace strata {

class Error : public std::exception {
 public:
  Error(std::string code, std::string message, int system = 0, std::string path = {})
      : code_(std::move(code)), message_(std::move(message)), path_(std::move(path)), system_(system) {
    if (system_ != 0) message_ += std::string(": ") + strerror(system_);
  }
  const char* what() const noexcept override { return message_.c_str(); }
  const std::string& code() const noexcept { return code_; }
  const std::string& path() const noexcept { return path_; }
  int system() const noexcept { return system_; }

 private:
  std::string code_, message_, path_;
  int system_;
};

}  // namespace strata
