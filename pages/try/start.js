// A plain script, not a module: from file:// browsers refuse modules and
// WebAssembly, and the page must still say so.
if (location.protocol === "file:") {
  document.getElementById("try-file").hidden = false;
} else {
  import("./main.js");
}
