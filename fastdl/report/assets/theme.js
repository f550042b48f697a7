// Before anything is drawn: the theme that the reader chose on an earlier visit, where the browser remembers it.
"use strict";

const theme = {
  get() {
    try {
      return localStorage.getItem("fastdl-theme");
    } catch {
      return null;
    }
  },
  set(name) {
    document.documentElement.dataset.theme = name;
    try {
      localStorage.setItem("fastdl-theme", name);
    } catch {
      // Not remembered, then.
    }
  },
};
if (theme.get()) document.documentElement.dataset.theme = theme.get();
