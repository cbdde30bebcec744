# Writes the page's files into one C file: cmake -DDIR=... -DOUT=... -P embed.cmake
set(files index.html page.js page.css)
set(path_index.html "/")
set(path_page.js "/page.js")
set(path_page.css "/page.css")
set(type_index.html "text/html; charset=utf-8")
set(type_page.js "text/javascript; charset=utf-8")
set(type_page.css "text/css; charset=utf-8")

set(arrays "")
set(rows "")
foreach(file ${files})
    string(MAKE_C_IDENTIFIER ${file} name)
    file(READ ${DIR}/${file} hex HEX)
    string(REGEX REPLACE "(..)" "0x\\1," bytes "${hex}")
    string(APPEND arrays "static const unsigned char ${name}[] = { ${bytes} };\n")
    string(APPEND rows
        "    { \"${path_${file}}\", \"${type_${file}}\", ${name}, sizeof(${name}) },\n")
endforeach()
file(WRITE ${OUT} "/* Made by embed.cmake. */\n#include \"mock_page.h\"\n\n${arrays}\n"
    "const struct mock_page mock_page[] = {\n${rows}    { NULL, NULL, NULL, 0 },\n};\n")
