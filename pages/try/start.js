// A plain script, not a module: from file:// browsers refuse modules and
// WebAssembly, and the page must still say so.
if (location.protocol === "file:") {
  document.getElementById("try-file").hidden = false;
} else {
  import("./main.js").catch((error) => {
    const problem = document.createElement("p");
    problem.className = "try-problem";
    problem.textContent =
      `A part of this page could not be loaded (${error.message}). ` +
      "Reload the page to try again.";
    document.getElementById("try-app").before(problem);
  });
}
