// An export of an NBD server. What it says is zero (base:allocation) is not read, as holes of files are not.
#pragma once
#include "nbd_export.h"
#include "source.h"

namespace strata {

class NbdSource : public Source {
 public:
  // How many threads read best: they wait for the server for the most part.
  static constexpr unsigned kThreads = 8;

  NbdSource(std::shared_ptr<NbdExport> from, const Control& control);
  Range next_data(uint64_t offset) override;

 protected:
  ssize_t attempt(uint64_t offset, size_t length, uint8_t* to) override;
  ssize_t attempt_small(uint64_t offset, size_t length, uint8_t* to) override { return attempt(offset, length, to); }

 private:
  void look(uint64_t offset);
  const std::shared_ptr<NbdExport> from_;
  bool tells_;
  // What is data between the two.
  uint64_t known_from_ = 0, known_to_ = 0;
  std::vector<Range> data_;
  // What was found last to be none: it may reach over much of what is asked for at once.
  Range empty_{0, 0};
};

// What has a flag of a context, everywhere on an export; SOURCE_READ when the server does not say it of all of it.
std::vector<Range> flagged(NbdExport& from, const std::string& context, const Control& control);

}  // namespace strata
