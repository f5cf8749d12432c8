// Run Python in Pyodide, with the course as /course: node tests/in_pyodide.mjs FOLDER package,package CODE
import { pathToFileURL } from "node:url";

const [folder, packages, code] = process.argv.slice(2);
const { loadPyodide } = await import(pathToFileURL(`${folder}/pyodide.mjs`));
const pyodide = await loadPyodide();
await pyodide.loadPackage(packages.split(",").filter(Boolean), { messageCallback() {} });
pyodide.FS.mkdir("/course");
pyodide.mountNodeFS("/course", process.cwd());
try {
  pyodide.runPython(code);
} catch (error) {
  console.error(String(error));
  process.exit(1);
}
process.exit(0);
